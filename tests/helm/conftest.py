"""What the chart gives for values, by Helm itself: one process per rendering."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cluster.programs import program

CHART = Path(__file__).parents[2] / "helm" / "assay"


class Chart:
    def __init__(self, helm: Path, folder: Path) -> None:
        self._helm = helm
        self._values = folder / "values.json"

    def objects(self, values: Mapping[str, Any], release: str = "assay") -> list[dict[str, Any]]:
        done = self._template(values, release)
        assert done.returncode == 0, done.stderr
        return [item for item in YAML(typ="safe").load_all(done.stdout) if item]

    def complaint(self, values: Mapping[str, Any]) -> str:
        done = self._template(values, "assay")
        assert done.returncode != 0
        return done.stderr

    def _template(self, values: Mapping[str, Any], release: str) -> subprocess.CompletedProcess[str]:
        self._values.write_text(json.dumps(values))
        command = [
            self._helm,
            "template",
            release,
            CHART,
            "--namespace=assay-system",
            "--kube-version=1.31",
            "--values",
            self._values,
        ]
        return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture(scope="session")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Chart:
    return Chart(program("helm"), tmp_path_factory.mktemp("chart"))
