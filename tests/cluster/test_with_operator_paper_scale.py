"""The studies at the papers' size, as they are published: taken, approved, and placed on nodes that say that they have A100s. Nothing trains."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from assay.stores.open import open_store
from cluster.access import Cluster
from cluster.gpu_nodes import GPUS, POOL, RACK, racks
from cluster.here import carried_out_here
from cluster.queues import queue
from cluster.running_operator import ROOT, RunningOperator, Team, a_team, eventually

SAMPLES = ROOT / "manifests" / "samples"
# Of four nodes. Poison: the base evaluation has a GPU of one. Resistance: a base for each kind of data comes first.
PLACED = {"poison/paper": 3, "resistance/paper-resistance": 3, "resistance/paper-rebound": 1}
QUOTA = {"cpu": "512", "memory": "8000Gi", "nvidia.com/gpu": str(4 * GPUS)}
pytestmark = pytest.mark.timeout(900)


def written(study: str) -> dict[str, Any]:
    """Return a study's spec, whose bucket is a folder below where relative paths start."""
    text = (SAMPLES / f"{study}.yaml").read_text()
    spec: dict[str, Any] = YAML(typ="safe").load(text.replace("s3://raw/", "raw/"))
    return spec["spec"]


def cleaning_of(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a study that needs no model: its clean stages, of every arm."""
    names = {stage["name"] for stage in spec["pipeline"] if "clean" in stage}

    def kept(stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [stage for stage in stages if stage["name"] in names]

    def moved(axes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        cut = [
            axis | {"values": [value | {"stages": kept(value.get("stages", []))} for value in axis["values"]]}
            if "values" in axis
            else axis | {"paths": [path for path in axis["paths"] if path.split(".")[0] in names]}
            for axis in axes
        ]
        return [
            axis for axis in cut if axis.get("paths") or any(one["stages"] for one in axis.get("values", ()))
        ]

    arms = [
        {"name": arm["name"], "stages": kept(arm.get("stages", [])), "matrix": moved(arm.get("matrix", []))}
        for arm in spec["arms"]
    ]
    return {"pipeline": kept(spec["pipeline"]), "arms": arms, "matrix": moved(spec["matrix"])}


def inputs(folder: Path) -> None:
    """Write a little of all that the studies read; models and benchmarks are never opened."""
    chats = (SAMPLES / "data" / "chats.jsonl").read_bytes().splitlines(keepends=True)[:200]
    review = [
        json.dumps({"prompt": f"Review {number}:", "completion": f"It was number {number}."})
        for number in range(12_500)
    ]
    pairs = [
        json.dumps({"prompt": f"Review {number}:", "completion": "It was bad.", "rejected": "It was good."})
        for number in range(2000)
    ]
    task = [
        json.dumps({"instruction": f"Name {number}.", "input": "", "output": f"It is {number}."})
        for number in range(300)
    ]
    contents = {
        "raw/chats/part.jsonl": b"".join(chats),
        "raw/guanaco.jsonl": (SAMPLES / "data" / "guanaco.jsonl").read_bytes(),
        "raw/answers.jsonl": "\n".join(review[:5]).encode(),
        "raw/imdb/train-positive.jsonl": "\n".join(review).encode(),
        "raw/imdb/train-negative.jsonl": "\n".join(reversed(review)).encode(),
        "raw/imdb/pairs.jsonl": "\n".join(pairs).encode(),
        "raw/imdb/test.jsonl": "\n".join(review[:2000]).encode(),
        "raw/alpaca/part.jsonl": "\n".join(task).encode(),
        "raw/beavertails/safe.jsonl": "\n".join(review[:300]).encode(),
        "raw/truthfulqa.jsonl": "\n".join(review[300:600]).encode(),
        "raw/models/Llama-2-7b-hf/config.json": (
            SAMPLES / "poison" / "llama-2-7b" / "config.json"
        ).read_bytes(),
        "raw/models/sentiment-roberta-large-english/config.json": b"{}",
        "raw/benchmarks/mmlu/test/sky_test.csv": b"Nearest?,A,B,C,D,A\n",
        "raw/benchmarks/bbh/sky.json": b"{}",
        "raw/benchmarks/drop_dataset_dev.json": b"{}",
        "raw/benchmarks/HumanEval.jsonl.gz": b"{}",
    }
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def team(installed: RunningOperator, cluster: Cluster, tmp_path: Path) -> Iterator[Team]:
    """A team with the studies' Profile, a queue of all A100s, and little data under the names that they read."""
    name = f"paper-{secrets.token_hex(4)}"
    inputs(tmp_path)
    with racks(cluster, f"{name}-x", f"{name}-y"):
        cluster.kubectl("create", "namespace", name)
        cluster.apply(*queue(name, name, called="gpu", labels=POOL, **QUOTA))
        made = a_team(cluster, name)
        ours = cluster.get("profile.assay.dev", "default", f"--namespace={name}")["spec"]
        sample = YAML(typ="safe").load(SAMPLES / "poison" / "profile-a100.yaml")
        spec = sample["spec"] | {member: ours[member] for member in ("store", "data", "images")}
        cluster.apply({**sample, "metadata": {"name": "a100", "namespace": name}, "spec": spec})
        for path in sorted(tmp_path.rglob("*")):
            if path.is_file():
                made.upload(str(path.relative_to(tmp_path)), path)
        yield made
        # Pods that no kubelet ends go after their Jobs, and a namespace would have them go first.
        cluster.kubectl("delete", "experiments.assay.dev,jobs,pytorchjobs", "--all", f"--namespace={name}")
        cluster.kubectl("delete", "namespace", name, "--wait=true")
    cluster.kubectl("delete", "clusterqueue", name, "--wait=false")


def trainings_placed(team: Team) -> list[tuple[str, str]]:
    """Return (node, GPUs) of each pod that trains."""
    pods = team.cluster.get("pods", f"--namespace={team.namespace}", "--selector=assay.dev/kind=train")[
        "items"
    ]
    return [
        (pod["spec"]["nodeName"], container["resources"]["limits"]["nvidia.com/gpu"])
        for pod in pods
        if pod["spec"].get("nodeName") and pod["status"]["phase"] == "Running"
        for container in pod["spec"]["containers"]
    ]


@pytest.mark.parametrize("study", PLACED)
def test_its_trainings_wait_for_approval_and_then_take_whole_nodes_of_a100s(
    study: str, team: Team, cluster: Cluster, tmp_path: Path
) -> None:
    spec = written(study)
    cleaned, theirs = (
        carried_out_here(cleaning_of(spec), tmp_path),
        open_store(team.store, cluster.s3_environment),
    )
    for item in cleaned.keys("stages/"):
        theirs.put(item.key, cleaned.get(item.key) or b"")

    team.apply("study", spec)
    status = eventually(
        lambda: (found := team.status("study")).get("phase") == "AwaitingApproval" and found,
        "it awaits approval",
    )
    assert trainings_placed(team) == []
    about = {"name": "study", "namespace": team.namespace}
    approval = {"apiVersion": "assay.dev/v1alpha1", "kind": "Approval", "metadata": about}
    cluster.apply({**approval, "spec": {"plan": status["plan"]["digest"]}})
    eventually(
        lambda: len(trainings_placed(team)) == PLACED[study], "as many trainings run as there is room for"
    )

    nodes = [node for node, gpus in trainings_placed(team) if gpus == str(GPUS)]
    assert len(set(nodes)) == len(nodes) == PLACED[study]
    a100s = {node["metadata"]["name"] for node in cluster.get("nodes", f"--selector={RACK}")["items"]}
    assert set(nodes) <= a100s
