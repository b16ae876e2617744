"""Why a workload does not run, for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.workloads.waiting import explain, warned

IMAGE = f"registry.example/assay/train@sha256:{'1' * 64}"
SHORT = "couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu in flavor a100, 8 more needed"
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "status", "spec", "metadata", "conditions", "type", "reason", "message", "phase", "active",
                    "admission", "containerStatuses", "state", "waiting", "admissionChecks",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)  # fmt: skip
objects = st.lists(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), anything), max_size=3)


def a_condition(kind, status="True", reason="", message=""):
    return {"type": kind, "status": status, "reason": reason, "message": message}


def a_workload(*conditions, active=True, cluster_queue=None, checks=()):
    admission = {"clusterQueue": cluster_queue} if cluster_queue else None
    return {
        "spec": {"queueName": "gpu", "active": active},
        "status": {
            "conditions": list(conditions),
            "admission": admission,
            "admissionChecks": list(checks),
        },
    }


def a_pod(phase="Pending", *conditions, waiting=None, init=None, deleted=False):
    def statuses(state):
        return [{"name": "pytorch", "image": IMAGE, "state": {"waiting": state}}] if state else []

    return {
        "metadata": {"name": "train-x-1-worker-0"} | ({"deletionTimestamp": "2030"} if deleted else {}),
        "status": {
            "phase": phase,
            "conditions": list(conditions),
            "containerStatuses": statuses(waiting),
            "initContainerStatuses": statuses(init),
        },
    }


UNSCHEDULABLE = a_condition(
    "PodScheduled", "False", "Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
)
PULLING = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
NO_SECRET = {"reason": "CreateContainerConfigError", "message": 'secret "assay-store" not found'}


@given(objects, objects)
def test_an_explanation_is_total_one_line_and_short(pods, workloads):
    told = explain(pods, workloads)
    assert len(told) <= 300
    assert "\n" not in told


@pytest.mark.parametrize(
    ("workload", "told"),
    [
        (a_workload(), "queue gpu: waits for quota"),
        (a_workload(a_condition("QuotaReserved", "False", "Pending", SHORT)), f"queue gpu: {SHORT}"),
        (  # by type, not by place
            a_workload(
                a_condition("Requeued"),
                a_condition("QuotaReserved", "False", "Inadmissible", "ClusterQueue gpu is inactive"),
                a_condition("PodsReady", "False", message="Not all pods are ready"),
            ),
            "queue gpu: ClusterQueue gpu is inactive",
        ),
        (
            a_workload(
                a_condition("QuotaReserved", "False", "Pending", "pending the requeue"),
                a_condition("Evicted", reason="Preempted", message="Preempted to accommodate a workload"),
            ),
            "queue gpu: evicted (Preempted: Preempted to accommodate a workload); pending the requeue",
        ),
        (
            a_workload(
                a_condition("QuotaReserved"),
                a_condition("Admitted", "False"),
                cluster_queue="a100",
                checks=[
                    {"name": "provisioning", "state": "Pending", "message": "nodes are on their way"},
                    {"name": "budget", "state": "Ready"},
                ],
            ),
            "ClusterQueue a100: has quota, waits for provisioning nodes are on their way",
        ),
        (a_workload(active=False), "queue gpu: paused, because its Workload is not active"),
        (a_workload(a_condition("QuotaReserved"), a_condition("Admitted"), cluster_queue="a100"), ""),
        (a_workload(a_condition("Finished")), ""),
    ],
)
def test_what_kueue_holds_back_says_what_it_waits_for(workload, told):
    assert explain([], [workload]) == told


@pytest.mark.parametrize(
    ("pods", "told"),
    [
        ([], ""),
        ([a_pod("Running")], ""),
        ([a_pod(waiting={"reason": "ContainerCreating"})], ""),
        ([a_pod(init={"reason": "PodInitializing"})], ""),
        (
            [a_pod("Pending", UNSCHEDULABLE)],
            "no node for pod train-x-1-worker-0: Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        ),
        (
            [a_pod(waiting=PULLING)],
            f"image {IMAGE} cannot be pulled: ImagePullBackOff: Back-off pulling image",
        ),
        (
            [a_pod(waiting=NO_SECRET)],
            'container pytorch cannot be made: CreateContainerConfigError: secret "assay-store" not found',
        ),
        (
            [a_pod(init=PULLING)],
            f"image {IMAGE} cannot be pulled: ImagePullBackOff: Back-off pulling image",
        ),
        ([a_pod("Running"), a_pod(waiting={"reason": "ContainerCreating"})], "1 of 2 pods run"),
        (
            [a_pod("Running"), a_pod("Pending", UNSCHEDULABLE)],
            "1 of 2 pods run; no node for pod train-x-1-worker-0: Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu.",
        ),
        ([a_pod("Failed"), a_pod("Pending", UNSCHEDULABLE, deleted=True)], ""),
    ],
)
def test_what_a_cluster_cannot_start_says_why(pods, told):
    assert explain(pods, []) == told


def test_quota_comes_before_pods_that_wait_for_it():
    gated = a_pod("Pending", a_condition("PodScheduled", "False", "SchedulingGated", "gated"))
    pending = a_workload(a_condition("QuotaReserved", "False", "Pending", SHORT))
    assert explain([gated], [pending]) == f"queue gpu: {SHORT}"


def test_while_pods_run_a_slice_that_waits_for_quota_is_not_the_reason():
    pending = a_workload(a_condition("QuotaReserved", "False", "Pending", SHORT))
    assert explain([a_pod("Running")], [pending]) == ""


def test_a_long_reason_is_cut():
    told = explain([a_pod("Pending", a_condition("PodScheduled", "False", "Unschedulable", "x" * 900))], [])
    assert len(told) == 300
    assert told.endswith("…")


def test_the_last_warning_of_a_controller_is_told():
    events = [
        {
            "reason": "FailedCreate",
            "message": "exceeded quota: none",
            "lastTimestamp": "2026-01-01T00:00:09Z",
        },
        {"reason": "Odd", "message": "before", "lastTimestamp": "2026-01-01T00:00:01Z"},
    ]

    assert (warned(events), warned([])) == ("FailedCreate: exceeded quota: none", "")


@given(objects)
def test_a_warning_is_total_one_line_and_short(events):
    told = warned(events)

    assert len(told) <= 300
    assert "\n" not in told
