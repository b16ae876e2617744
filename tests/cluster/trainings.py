"""One tiny training, on this machine and by teams of a cluster, each into a store of its own."""

import io
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from assay.artifacts.documents import Record
from assay.artifacts.layout import data_key
from assay.stores.open import open_store, open_to_read
from assay.stores.store import Store
from cluster.access import Cluster
from cluster.here import carried_out_here
from cluster.queues import queue
from cluster.running_operator import Team, a_team, records, small_pools

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
                "epochs": 40,
                "optimizer": {"lr": 3e-3},
                "sequenceLength": 64,
                "precision": "fp32",
            },
        },
    ],
    "arms": [{"name": "only"}],
}
_LINES = "\n".join(
    json.dumps({"text": f"Line {number} of {number * number}: the cat sat on mat {number % 7}."})
    for number in range(40)
).encode()


@dataclass(frozen=True)
class Trained:
    """What a training left."""

    store: Store
    record: Record
    metrics: dict[str, list[float]]


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The training, undisturbed, in two processes of this machine."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "lines.jsonl").write_bytes(_LINES)
    spec = {**SPEC, "execution": {"train": {"processesPerNode": 2}}}
    return what_it_left(carried_out_here(spec, folder))


def a_team_that_trains_by(kind: str, cluster: Cluster, here: Trained) -> Team:
    """Return a team with a queue of its own, and a store in which the training's data is clean and nothing else is done."""
    name = f"trains-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    cluster.apply(*queue(name, name, cpu="8", memory="32Gi"))
    team = a_team(cluster, name)
    by(team, kind)
    team.upload("lines.jsonl", _LINES)
    theirs = open_store(team.store, cluster.s3_environment)
    for item in here.store.keys("stages/clean/"):
        theirs.put(item.key, here.store.get(item.key) or b"")
    return team


def by(team: Team, kind: str) -> None:
    """Let a team's trainings be workloads of a kind from now on."""
    pools = small_pools()
    pools["train"] |= {"workload": kind, "queue": team.namespace, "cpus": 0.1}
    team.profile(pools=pools)


def training_pods(team: Team) -> list[dict[str, Any]]:
    """Return the metadata of the pods that train now."""
    chosen = ("--selector=assay.dev/kind=train", "--field-selector=status.phase=Running")
    pods = team.cluster.get("pods", f"--namespace={team.namespace}", *chosen)["items"]
    return [pod["metadata"] for pod in pods]


def processes(team: Team) -> list[psutil.Process]:
    """Return the processes in a team's pods that train."""
    pods = {pod["name"] for pod in training_pods(team)}
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("HOSTNAME") in pods:
                found.append(process)
    return found


@contextmanager
def paused(training: list[psutil.Process]) -> Iterator[None]:
    """Let nothing of a training happen meanwhile, so that it does not end before it is stopped."""
    for process in training:
        process.suspend()
    try:
        yield
    finally:
        for process in training:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def bound(team: Team) -> list[str]:
    """Return the names of all pods of a team that ever had a node, once for each time that one had."""
    return [
        write["objectRef"]["name"]
        for write in team.cluster.audit()
        if write["objectRef"].get("subresource") == "binding"
        and write["objectRef"]["namespace"] == team.namespace
    ]


def what_a_team_left(team: Team) -> Trained:
    return what_it_left(open_to_read(team.store, team.cluster.s3_environment))


def what_it_left(store: Store) -> Trained:
    [record] = [record for key, record in records(store).items() if key.startswith("stages/train/")]
    metrics = store.get(data_key(record.identity.ref, record.provenance.attempt, "metrics.parquet"))
    return Trained(store, record, pq.read_table(io.BytesIO(metrics or b"")).to_pydict())
