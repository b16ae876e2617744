"""A training is the same whatever carries it: a PyTorchJob, a RayJob or a TrainJob, of two pods, in a queue of Kueue."""

import io
import json
import secrets
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
import pytest
from minio.commonconfig import CopySource

from assay.artifacts.documents import Record
from assay.artifacts.layout import data_key
from assay.stores.open import open_to_read
from assay.workloads.names import workload_name
from cluster.access import Cluster
from cluster.queues import queue
from cluster.running_operator import RunningOperator, Team, a_team, client_of, eventually, small_pools

# What names the pods of each kind that train.
PODS = {"PyTorchJob": ("-master-", "-worker-"), "RayJob": ("-workers-worker-",), "TrainJob": ("-node-",)}
LLAMA = {"hiddenSize": 32, "layers": 2, "heads": 2, "context": 64, "tieEmbeddings": True}
SPEC: dict[str, Any] = {
    "pipeline": [
        {
            "name": "cleaned",
            "clean": {
                "sources": [{"name": "lines", "uri": "lines.jsonl", "format": "text"}],
                "steps": [{"exactDuplicates": {}}],
            },
        },
        {
            "name": "model",
            "train": {
                "objective": "pretrain",
                "data": {"from": "cleaned"},
                "model": {"llama": LLAMA},
                "tokenizer": {"train": {"vocabulary": 300}},
                "batchSize": 4,
                "epochs": 4,
                "optimizer": {"lr": 3e-3},
                "sequenceLength": 64,
                "precision": "fp32",
            },
        },
    ],
    "arms": [{"name": "only"}],
}
pytestmark = pytest.mark.timeout(1200)


@dataclass(frozen=True)
class Trained:
    """What a training left."""

    team: Team
    record: Record
    metrics: dict[str, list[float]]


@pytest.fixture(scope="module")
def trained(installed: RunningOperator, cluster: Cluster) -> Iterator[dict[str, Trained]]:
    teams = {kind: a_team_that_trains_by(kind, cluster) for kind in PODS}
    first, *others = teams.values()
    first.apply("trained", SPEC)
    eventually(lambda: first.workloads("pytorchjobs"), "the first trains", seconds=600)
    by(first, "TrainJob")  # while it runs as what it was made
    assert first.finished("trained")["phase"] == "Succeeded"
    for team in others:
        give_what_is_clean(first, team)
        team.apply("trained", SPEC)
    for team in others:
        assert team.finished("trained")["phase"] == "Succeeded"
    yield {kind: what_it_left(team) for kind, team in teams.items()}
    for team in teams.values():
        cluster.kubectl("delete", "namespace", team.namespace, "--wait=false")


def a_team_that_trains_by(kind: str, cluster: Cluster) -> Team:
    """Return a team with a queue of its own, and a store that nobody used before."""
    name = f"trains-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    cluster.apply(*queue(name, name, cpu="8", memory="32Gi"))
    team = a_team(cluster, name)
    by(team, kind)
    lines = (f"Line {number} of {number * number}: the cat sat on mat {number % 7}." for number in range(40))
    team.upload("lines.jsonl", "\n".join(json.dumps({"text": line}) for line in lines).encode())
    return team


def by(team: Team, kind: str) -> None:
    """Let a team's trainings be workloads of a kind from now on."""
    pools = small_pools()
    pools["train"] |= {"workload": kind, "queue": team.namespace}
    team.profile(pools=pools)


def give_what_is_clean(one: Team, other: Team) -> None:
    """Copy the clean stages of a store to another: a minute each would show nothing that other tests do not."""
    client, prefixes = (
        client_of(one.cluster),
        [team.store.removeprefix("s3://assay/") for team in (one, other)],
    )
    for item in client.list_objects("assay", prefix=f"{prefixes[0]}/stages/clean/", recursive=True):
        key = item.object_name.replace(*prefixes, 1)
        client.copy_object("assay", key, CopySource("assay", item.object_name))


def training_pods(team: Team) -> list[str]:
    """Return the names of the pods that train now."""
    chosen = ("--selector=assay.dev/kind=train", "--field-selector=status.phase=Running")
    pods = team.cluster.get("pods", f"--namespace={team.namespace}", *chosen)["items"]
    return [pod["metadata"]["name"] for pod in pods]


def bound(team: Team) -> list[str]:
    """Return the names of all pods of a team that ever had a node, once for each time that one had."""
    return [
        write["objectRef"]["name"]
        for write in team.cluster.audit()
        if write["objectRef"].get("subresource") == "binding"
        and write["objectRef"]["namespace"] == team.namespace
    ]


def what_it_left(team: Team) -> Trained:
    [record] = [record for key, record in team.records().items() if key.startswith("stages/train/")]
    store = open_to_read(team.store, team.cluster.s3_environment)
    metrics = store.get(data_key(record.identity.ref, record.provenance.attempt, "metrics.parquet"))
    return Trained(team, record, pq.read_table(io.BytesIO(metrics or b"")).to_pydict())


def test_whatever_carries_it_a_training_is_the_same_stage_with_the_same_losses(
    trained: dict[str, Trained],
) -> None:
    first, *others = trained.values()

    assert first.metrics["loss"][-1] < first.metrics["loss"][0]
    for other in others:
        assert other.record.identity == first.record.identity
        assert other.metrics["step"] == first.metrics["step"]
        assert other.metrics["loss"] == pytest.approx(first.metrics["loss"], abs=1e-4)
        assert sorted(other.record.outputs.files) == sorted(first.record.outputs.files)


@pytest.mark.parametrize("kind", PODS)
def test_two_pods_trained_as_the_first_attempt_of_a_workload_that_kueue_admitted(
    trained: dict[str, Trained], cluster: Cluster, kind: str
) -> None:
    team, record = trained[kind].team, trained[kind].record
    name = workload_name(record.identity.ref, 1)
    training = [
        pod for pod in bound(team) if pod.startswith(name) and any(part in pod for part in PODS[kind])
    ]
    admitted = cluster.get("workloads.kueue.x-k8s.io", f"--namespace={team.namespace}")["items"]

    assert record.provenance.attempt == 1
    assert name in {item["metadata"]["name"] for item in team.workloads(f"{kind.lower()}s")}
    assert len(training) == 2, bound(team)
    assert kind in {item["metadata"]["ownerReferences"][0]["kind"] for item in admitted}


def test_a_training_goes_on_as_what_it_is_when_the_profile_names_another_kind(
    trained: dict[str, Trained],
) -> None:
    assert trained["PyTorchJob"].team.workloads("trainjobs") == []


def test_a_pod_of_a_trainjob_that_is_lost_is_tried_again_by_nobody_but_us(
    trained: dict[str, Trained], cluster: Cluster
) -> None:
    team, spec = trained["TrainJob"].team, deepcopy(SPEC)
    spec["pipeline"][1]["train"]["epochs"] = 1000
    team.apply("lost", spec)
    _, last = eventually(lambda: len(found := sorted(training_pods(team))) == 2 and found, "two pods train")
    first = last.rpartition("-node-")[0]
    cluster.kubectl("delete", "pod", last, f"--namespace={team.namespace}", "--grace-period=0", "--force")
    again = f"{first.removesuffix('-1')}-2"
    eventually(lambda: sum(pod.startswith(again) for pod in bound(team)) == 2, "another attempt", seconds=300)
    cluster.kubectl("delete", "experiment", "lost", f"--namespace={team.namespace}")

    assert sum(pod.startswith(f"{first}-node-") for pod in bound(team)) == 2
