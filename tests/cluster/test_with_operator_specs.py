"""The API server itself, with our schemas, our CEL rules and our webhook, takes the specs of the studies."""

import json

import pytest
from ruamel.yaml import YAML

from cluster.access import Cluster
from cluster.running_operator import ROOT, RunningOperator

SAMPLES = ROOT / "manifests" / "samples"
SPECS = sorted(path for path in SAMPLES.rglob("*.yaml") if "kind: Experiment\n" in path.read_text())


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_api_server_takes_it(path, cluster: Cluster, installed: RunningOperator) -> None:
    answered = cluster.kubectl("apply", "--dry-run=server", f"--filename={path}")

    name = YAML(typ="safe").load(path)["metadata"]["name"]
    assert f"experiment.assay.dev/{name}" in answered


def test_what_is_published_for_installing_without_helm_is_taken(
    cluster: Cluster, installed: RunningOperator
) -> None:
    files = (*(ROOT / "manifests" / "crds").iterdir(), *(ROOT / "manifests").glob("*.yaml"))
    documents = [item for path in files for item in YAML(typ="safe").load_all(path)]
    # The registration of these tests has another address, and none may have two.
    taken = [json.dumps(item) for item in documents if item["kind"] != "ValidatingWebhookConfiguration"]
    dry = ("--server-side", "--force-conflicts", "--dry-run=server", "--filename=-")
    cluster.kubectl("apply", *dry, stdin="\n---\n".join(taken))


def test_explaining_a_field_teaches(cluster: Cluster, installed: RunningOperator) -> None:
    said = cluster.kubectl("explain", "experiments.spec.pipeline.train")

    assert "Global batch per optimiser step, in batchUnit." in said
    assert "enum: examples, packedSequences, tokens" in said
