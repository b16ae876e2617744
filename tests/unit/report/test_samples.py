"""Every experiment that is shipped can be reported before anything of it is done."""

from pathlib import Path

import pytest

from assay.api.parse import experiment_of
from assay.api.written import read
from assay.report.data import report_data
from assay.report.page import page
from builders import a_plan

SAMPLES = Path(__file__).parents[3] / "manifests" / "samples"
EXPERIMENTS = [path for path in sorted(SAMPLES.rglob("*.yaml")) if "\nkind: Experiment\n" in path.read_text()]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_sample_of_which_nothing_is_done_has_a_report_that_asks_its_questions(path):
    plan = a_plan(experiment_of(read(path.read_text(), path.name)))

    data = report_data(plan, {}, {})

    assert all(question["asked"].endswith("?") for question in data["questions"])
    assert plan.experiment in page(data)
