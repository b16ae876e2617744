"""The status says what an experiment waits for."""

import json
from collections.abc import Iterator

import pytest

from cluster.access import Cluster
from cluster.queues import queue
from cluster.running_operator import Team, cleaning, eventually, scores, small_pools

NOBODYS = "assay.test/nobodys@sha256:" + "0" * 64


def waits_for(team: Team, name: str, *, kind: str = "Progressing", reason: str = "", words: str = "") -> None:
    """Wait until a condition says so."""

    def says() -> bool:
        found = team.condition(name, kind)
        return (
            found.get("reason", "").startswith(reason) and words in found.get("message", "") and bool(found)
        )

    eventually(says, f"{kind} says {reason} {words}, instead of {team.status(name).get('conditions')}")


def evaluate_pool(**members: object) -> dict[str, object]:
    pools = small_pools()
    pools["evaluate"] |= members
    return pools


def test_no_node_fits(team: Team) -> None:
    team.profile(pools=evaluate_pool(selector={"no.such/label": "here"}))
    team.apply("waits", scores("one"))
    waits_for(team, "waits", reason="Pending", words="no node for pod")


def test_a_quota_lets_no_pod_be_made(team: Team, cluster: Cluster) -> None:
    cluster.kubectl("create", "quota", "none", "--hard=pods=0", f"--namespace={team.namespace}")
    team.apply("waits", scores("one"))
    waits_for(team, "waits", reason="Pending", words="exceeded quota: none")


def test_an_image_cannot_be_pulled(team: Team) -> None:
    image = team.cluster.image
    team.profile(images={"clean": image, "train": image, "evaluate": NOBODYS})
    team.apply("waits", scores("one"))
    waits_for(team, "waits", reason="Pending", words="cannot be pulled")


def test_a_profile_that_is_not_there_yet(team: Team) -> None:
    team.cluster.kubectl("delete", "profile", "default", f"--namespace={team.namespace}")
    team.apply("waits", scores("one"))
    waits_for(team, "waits", kind="Planned", reason="ProfileNotFound")
    team.profile()

    assert team.finished("waits")["phase"] == "Succeeded"


def test_a_source_that_is_not_there_yet(team: Team) -> None:
    spec = json.loads(json.dumps(scores("one")).replace("questions.jsonl", "later.jsonl"))
    team.apply("waits", spec)
    waits_for(team, "waits", kind="Planned", reason="SourceUnavailable", words="later.jsonl")


def test_a_profile_that_cannot_serve_a_cluster(team: Team) -> None:
    team.profile(images=None)
    team.apply("waits", scores("one"))
    waits_for(team, "waits", kind="Planned", reason="ProfileInvalid", words="images")


def test_a_kind_that_the_cluster_does_not_serve(team: Team, cluster: Cluster) -> None:
    def serve(*, whether: bool) -> None:
        versions = cluster.get("crd", "rayjobs.ray.io")["spec"]["versions"]
        index = [version["name"] for version in versions].index("v1")
        patch = (
            f'[{{"op": "replace", "path": "/spec/versions/{index}/served", "value": {json.dumps(whether)}}}]'
        )
        cluster.kubectl("patch", "crd", "rayjobs.ray.io", "--type=json", f"--patch={patch}")
        eventually(
            lambda: ('"rayjobs"' in cluster.kubectl("get", "--raw=/apis/ray.io/v1")) is whether, "it is"
        )

    serve(whether=False)
    try:
        team.apply("waits", cleaning("one"))
        waits_for(team, "waits", reason="WorkloadNotServed", words="RayJob")
    finally:
        serve(whether=True)

    cluster.kubectl("delete", "experiment", "waits", f"--namespace={team.namespace}")
    team.apply("goes-on", scores("one"))
    assert team.finished("goes-on")["phase"] == "Succeeded"  # what is watched was watched anew


@pytest.fixture
def queues(cluster: Cluster, team: Team) -> Iterator[tuple[str, str]]:
    """A queue for CPUs, and one for GPUs in which a stranger has the only one."""
    cpu, gpu = f"{team.namespace}-cpu", f"{team.namespace}-gpu"
    quota = {"cpu": "8", "memory": "32Gi"}
    cluster.apply(*queue(cpu, team.namespace, **quota))
    cluster.apply(*queue(gpu, team.namespace, **quota, **{"nvidia.com/gpu": "1"}))
    cluster.apply(a_stranger(team, gpu))
    cluster.wait("jsonpath={.spec.suspend}=false", "job/stranger", f"--namespace={team.namespace}")
    yield cpu, gpu
    cluster.kubectl("delete", "clusterqueue", cpu, gpu, "--wait=false")


def a_stranger(team: Team, queue: str) -> dict[str, object]:
    limits = {"cpu": "100m", "memory": "64Mi", "nvidia.com/gpu": "1"}
    container = {
        "name": "sleeps",
        "image": team.cluster.base_image,
        "command": ["sleep", "infinity"],
        "resources": {"requests": limits, "limits": limits},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "stranger",
            "namespace": team.namespace,
            "labels": {"kueue.x-k8s.io/queue-name": queue},
        },
        "spec": {
            "suspend": True,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "terminationGracePeriodSeconds": 0,
                    "containers": [container],
                }
            },
        },
    }


@pytest.mark.timeout(600)
def test_a_full_gpu_queue_holds_up_nobody_who_needs_no_gpu(team: Team, queues: tuple[str, str]) -> None:
    cpu, gpu = queues
    pools = evaluate_pool(queue=gpu, gpus=1)
    pools["clean"] = small_pools()["clean"] | {"queue": cpu}
    team.profile(pools=pools)
    team.apply("needs-a-gpu", scores("one"))
    waits_for(team, "needs-a-gpu", reason="Pending", words="nvidia.com/gpu")
    team.apply("cleans", cleaning("two"))

    assert team.finished("cleans", seconds=400)["phase"] == "Succeeded"
    assert team.status("needs-a-gpu")["phase"] == "Running"

    team.cluster.kubectl("delete", "job", "stranger", f"--namespace={team.namespace}")
    assert team.finished("needs-a-gpu")["phase"] == "Succeeded"


def test_a_queue_that_nobody_honours_is_told_and_nothing_runs_unqueued(
    team: Team, cluster: Cluster, queues: tuple[str, str]
) -> None:
    name = "kueue-mutating-webhook-configuration"
    saved = cluster.get("mutatingwebhookconfiguration", name)
    cluster.kubectl("delete", "mutatingwebhookconfiguration", name)
    try:
        team.profile(pools=evaluate_pool(queue=queues[0]))
        team.apply("waits", scores("one"))
        waits_for(team, "waits", reason="QueueNotHonoured", words=queues[0])
        assert team.workloads("jobs") == []
    finally:
        for noise in ("resourceVersion", "uid", "managedFields", "creationTimestamp", "generation"):
            saved["metadata"].pop(noise, None)
        cluster.apply(saved)
