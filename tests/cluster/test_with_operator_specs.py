"""The API server itself, with our schemas, our CEL rules and our webhook, takes the specs of the studies."""

import pytest

from cluster.access import Cluster
from cluster.running_operator import ROOT, RunningOperator

GOLDEN = ROOT / "tests" / "golden" / "specs"
SPECS = [
    *(GOLDEN / f"{name}.yaml" for name in ("poison", "rebound", "resistance")),
    ROOT / "manifests" / "samples" / "poison-tiny.yaml",
]


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_api_server_takes_it(path, cluster: Cluster, installed: RunningOperator) -> None:
    answered = cluster.kubectl("apply", "--dry-run=server", f"--filename={path}")

    assert f"experiment.assay.dev/{path.stem.removesuffix('-tiny')}" in answered


def test_explaining_a_field_teaches(cluster: Cluster, installed: RunningOperator) -> None:
    said = cluster.kubectl("explain", "experiments.spec.pipeline.train")

    assert "Global batch per optimiser step, in batchUnit." in said
    assert "enum: examples, packedSequences, tokens" in said
