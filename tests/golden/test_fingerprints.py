"""Fingerprints of the golden specs never change by accident: an upgrade keeps every cache.

A new spec or a deliberate change is taken over with `ASSAY_WRITE_GOLDENS=1 pytest tests/golden`; the file's diff then shows
what every user of the older version would have to run again.
"""

import json
import os
from pathlib import Path

import pytest

from assay.api.parse import parse_experiment
from assay.artifacts.kinds import SEMANTICS
from builders import a_plan

HERE = Path(__file__).parent
GOLDEN = HERE / "fingerprints.json"


def fingerprints(name: str) -> dict[str, str]:
    experiment = parse_experiment((HERE / "specs" / f"{name}.yaml").read_bytes(), f"{name}.yaml")
    return {member.label: str(stage.ref) for stage in a_plan(experiment).stages for member in stage.members}


@pytest.mark.parametrize("name", ["poison", "resistance", "rebound", "own", "programs"])
def test_the_fingerprints_of_a_golden_spec_are_those_of_the_last_release(name):
    found = {"semantics": {kind.value: number for kind, number in SEMANTICS.items()}, **fingerprints(name)}
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if os.environ.get("ASSAY_WRITE_GOLDENS"):
        GOLDEN.write_text(json.dumps({**golden, name: found}, indent=1, sort_keys=True) + "\n")
        return

    assert golden[name] == found
