"""Which pods of an attempt print what its program prints, and in which order they are read."""

import pytest

from assay.adapters.kubectl_pods import in_order, prints

STARTED = {"containerStatuses": [{"state": {"running": {}}}]}


def pod(name, made="2026-01-01T00:00:00Z", status=None):
    return {"metadata": {"name": name, "creationTimestamp": made, "labels": {}}, "status": status or STARTED}


def replica(name, role, index):
    labels = {"training.kubeflow.org/replica-type": role, "training.kubeflow.org/replica-index": str(index)}
    return {"metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z", "labels": labels}}


def test_a_master_is_read_before_its_workers_and_those_by_number():
    pods = [replica("j", "worker", 10), replica("a", "worker", 2), replica("z", "master", 0)]

    assert [item["metadata"]["name"] for item in in_order(pods)] == ["z", "a", "j"]


def test_the_nodes_of_a_trainjob_are_read_by_number():
    pods = [pod(str(number)) for number in (2, 10, 0)]
    for item in pods:
        item["metadata"]["labels"] = {"batch.kubernetes.io/job-completion-index": item["metadata"]["name"]}

    assert [item["metadata"]["name"] for item in in_order(pods)] == ["0", "2", "10"]


def test_pods_without_roles_are_read_as_they_were_made():
    pods = [pod("b", made="2026-01-01T00:00:09Z"), pod("c", made="2026-01-01T00:00:01Z")]

    assert [item["metadata"]["name"] for item in in_order(pods)] == ["c", "b"]


@pytest.mark.parametrize(
    ("state", "expected"), [({"running": {}}, True), ({"terminated": {}}, True), ({"waiting": {}}, False)]
)
def test_a_pod_prints_once_its_container_was_started(state, expected):
    assert prints(pod("x", status={"containerStatuses": [{"state": state}]})) is expected


def test_a_pod_that_no_node_has_taken_prints_nothing():
    assert not prints(pod("x", status={"phase": "Pending"}))


def test_a_node_of_ray_does_not_print_the_programs_log():
    head = pod("head")
    head["metadata"]["labels"] = {"ray.io/node-type": "head"}

    assert not prints(head)
