"""Cleaning in a cluster gives what it gives on a laptop, byte for byte."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from assay.stores.open import open_to_read
from assay.stores.store import Store
from cluster.running_operator import ROOT, Team, records

SAMPLE = ROOT / "manifests" / "samples" / "cleaning.yaml"


def outputs(store: Store) -> dict[str, str]:
    """Return the digest of what each stage left, by the stage."""
    return {key: record.outputs_digest for key, record in records(store).items()}


@pytest.mark.timeout(900)
def test_every_step_gives_the_same_bytes_on_autoscaled_workers_and_here(team: Team, tmp_path: Path) -> None:
    spec: dict[str, Any] = YAML(typ="safe").load(SAMPLE)["spec"]
    team.upload_samples()
    team.apply("cleaning", spec)
    assay = Path(sys.executable).with_name("assay")
    subprocess.run([assay, "run", SAMPLE, "--store", tmp_path], check=True)

    assert team.finished("cleaning")["phase"] == "Succeeded"
    expected = outputs(open_to_read(str(tmp_path)))
    assert len(expected) == 1
    assert outputs(open_to_read(team.store, team.cluster.s3_environment)) == expected
