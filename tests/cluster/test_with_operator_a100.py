"""Trainings on A100s are placed whole, near to each other, in turn. Nothing trains here: the nodes only say that it does."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from assay.stores.folder import FolderStore
from assay.stores.open import open_store
from cluster.access import Cluster
from cluster.gpu_nodes import GPUS, POOL, RACK, racks
from cluster.here import carried_out_here
from cluster.running_operator import RunningOperator, Team, a_team, eventually, small_pools
from cluster.trainings import SPEC

_KUEUE = "kueue.x-k8s.io/v1beta2"
_LINES = b'{"text": "One line."}\n{"text": "Another line."}\n'
A100S = {
    "cpus": 8,
    "memoryGib": 64,
    "nodes": 2,
    "gpusPerNode": GPUS,
    "selector": POOL,
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "topology": {"level": RACK},
}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> FolderStore:
    """A store in which the training's data is clean."""
    folder = tmp_path_factory.mktemp("clean")
    (folder / "lines.jsonl").write_bytes(_LINES)
    cleaned, _ = SPEC["pipeline"]
    return carried_out_here({**SPEC, "pipeline": [cleaned]}, folder)


@pytest.fixture
def two_teams(
    installed: RunningOperator, cluster: Cluster, clean: FolderStore
) -> Iterator[tuple[Team, Team]]:
    """Two teams: half of two racks is each one's, and what either does not use is the other's to borrow."""
    cohort = f"a100-{secrets.token_hex(4)}"
    names = [f"{cohort}-{which}" for which in ("one", "two")]
    with racks(cluster, f"{cohort}-x", f"{cohort}-y"):
        cluster.apply(*_flavor(cohort))
        teams = []
        for name in names:
            cluster.kubectl("create", "namespace", name)
            cluster.apply(*_half(name, cohort))
            team = a_team(cluster, name)
            team.profile(pools=small_pools() | {"train": {**A100S, "queue": "gpu"}})
            team.upload("lines.jsonl", _LINES)
            theirs = open_store(team.store, cluster.s3_environment)
            for item in clean.keys("stages/"):
                theirs.put(item.key, clean.get(item.key) or b"")
            teams.append(team)
        first, second = teams
        yield first, second
        cluster.kubectl("delete", "namespace", *names, "--wait=true")
    cluster.kubectl("delete", "clusterqueue", *names, "--wait=false")


def _flavor(name: str) -> list[dict[str, Any]]:
    levels = [{"nodeLabel": RACK}, {"nodeLabel": "kubernetes.io/hostname"}]
    return [
        {"apiVersion": _KUEUE, "kind": "Topology", "metadata": {"name": name}, "spec": {"levels": levels}},
        {
            "apiVersion": _KUEUE,
            "kind": "ResourceFlavor",
            "metadata": {"name": name},
            "spec": {"nodeLabels": POOL, "topologyName": name},
        },
    ]


def _half(name: str, cohort: str) -> list[dict[str, Any]]:
    quota = {"cpu": "64", "memory": "1000Gi", "nvidia.com/gpu": str(2 * GPUS)}
    resources = [{"name": resource, "nominalQuota": amount} for resource, amount in quota.items()]
    group = {"coveredResources": list(quota), "flavors": [{"name": cohort, "resources": resources}]}
    return [
        {
            "apiVersion": _KUEUE,
            "kind": "ClusterQueue",
            "metadata": {"name": name},
            "spec": {
                "cohortName": cohort,
                "namespaceSelector": {},
                "resourceGroups": [group],
                "preemption": {"reclaimWithinCohort": "Any"},
            },
        },
        {
            "apiVersion": _KUEUE,
            "kind": "LocalQueue",
            "metadata": {"name": "gpu", "namespace": name},
            "spec": {"clusterQueue": name},
        },
    ]


def trains(team: Team, name: str, seed: int) -> None:
    spec = json.loads(json.dumps(SPEC))
    spec["pipeline"][1]["train"]["seed"] = seed
    team.apply(name, spec)


def placed(team: Team) -> dict[str, list[str]]:
    """Return the nodes that the pods of each training are on, by its stage; pods without a node are not among them."""
    found: dict[str, list[str]] = {}
    pods = team.cluster.get("pods", f"--namespace={team.namespace}", "--selector=assay.dev/kind=train")
    for pod in pods["items"]:
        node = pod["spec"].get("nodeName")
        if node and pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]:
            found.setdefault(pod["metadata"]["labels"]["assay.dev/stage"], []).append(node)
    return found


def together(team: Team, trainings: int) -> bool:
    """Whether so many trainings run, each on all nodes of one rack."""
    found = placed(team)
    in_racks = [{node.rpartition("-")[0] for node in nodes} for nodes in found.values()]
    whole = all(len(nodes) == len(set(nodes)) == A100S["nodes"] for nodes in found.values())
    return len(found) == trainings and whole and all(len(rack) == 1 for rack in in_racks)


def training(team: Team, name: str) -> dict[str, Any]:
    [stage] = [stage for stage in team.status(name).get("stages", []) if stage["kind"] == "train"] or [{}]
    return stage


@pytest.mark.timeout(600)
def test_trainings_take_whole_racks_borrow_what_is_idle_and_give_it_back(
    two_teams: tuple[Team, Team],
) -> None:
    first, second = two_teams
    trains(first, "a", 1)
    eventually(lambda: together(first, 1), "one training runs in one rack")
    trains(first, "b", 2)
    eventually(lambda: together(first, 2), "another one borrows the rack that the second team does not use")

    trains(first, "c", 3)
    eventually(
        lambda: "nvidia.com/gpu" in training(first, "c").get("message", ""), "it says what it waits for"
    )
    assert together(first, 2)  # no pod of it has a node

    trains(second, "d", 4)
    eventually(lambda: together(second, 1), "the second team has its rack back")
    eventually(lambda: together(first, 1), "the first team has what is left")
    stopped = next(name for name in ("a", "b") if training(first, name)["message"])
    assert training(first, stopped)["state"] == "running"  # a queue's decision is no failure
    assert training(first, stopped)["attempt"] == 1

    second.cluster.kubectl("delete", "experiment", "d", f"--namespace={second.namespace}")
    eventually(lambda: together(first, 2), "what was stopped, or what waited, has the rack again")
