"""What the page shows of dose curves, derived measures and the parts of tasks."""

import pytest

from assay.artifacts.kinds import Kind
from assay.report.data import report_data
from assay.report.doses import dose_curves
from assay.report.lines import verdict_lines
from assay.report.page import page
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench
from builders import a_plan

CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}
LEVEL = {
    "coordinates": {},
    "word": "lower",
    "reading": "It is below zero.",
    "effect": -0.8,
    "interval": {"low": -0.9, "high": -0.7, "level": 0.95},
    "p": 0.001,
    "adjustedP": 0.002,
    "margin": 0.01,
}


def a_curve(arm, *means):
    found = {"value": means[-1] - means[0], "interval": None}
    return LEVEL | {
        "arm": arm,
        "task": "positivity",
        "axis": "negatives",
        "unit": "share",
        "n": 60,
        "replicates": 3,
        "points": [
            {
                "dose": 100.0 * at,
                "mean": mean,
                "interval": {"low": mean - 0.1, "high": mean + 0.1},
                "runs": [],
            }
            for at, mean in enumerate(means)
        ],
        "slope": found,
        "initialSlope": found,
        "halfLife": None,
    }


DERIVED = LEVEL | {
    "arm": "alpaca",
    "expression": "forward - inverse",
    "runs": [{"value": -0.8, "figures": {"forward": {"value": 2.0, "from": "train/abc"}}}] * 3,
}


@pytest.fixture
def told():
    def told(**document):
        plan = a_plan(compare=[CONTRAST])
        compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
        comparison = {"name": "study", "family": "holm", "alpha": 0.05}
        return report_data(plan, {}, {compared.ref: {"comparison": comparison, "missing": []} | document})

    return told


def test_curves_are_drawn_on_common_axes_with_what_they_come_to(told):
    data = told(curves=[a_curve("small", 0.9, 0.5, 0.1), a_curve("large", 0.9, 0.2, 0.1)])
    html = page(data)

    assert html.count("<polyline points=") == 2
    assert "large at 100: 0.2" in html
    assert "positivity by negatives" in html
    assert html == page(data)
    assert "small on positivity: lower (-0.8, -0.9 to -0.7)" in verdict_lines(data)


def test_a_higher_score_stands_higher_in_the_picture():
    (line,) = dose_curves([a_curve("small", 0.9, 0.5, 0.1)])["lines"]

    heights = [point["y"] for point in line["points"]]
    assert heights == sorted(heights)
    assert all(point["high"] < point["y"] < point["low"] for point in line["points"])


def test_a_derived_measure_stands_on_the_page_with_the_runs_behind_it(told):
    html = page(told(derived=[DERIVED]))

    assert "forward - inverse" in html
    assert "forward 2 of train/abc" in html
    assert "-0.9 … -0.7" in html


def test_a_curve_and_a_derived_measure_of_runs_that_were_not_made_alike_are_not_comparable(tmp_path):
    seeds = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [4, 8]}
    plan = a_plan(matrix=[seeds], compare=[CONTRAST])
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    records = {}
    for stage in plan.stages:
        if stage.kind is Kind.TRAIN:
            processes = 4 if "seed=4" in stage.label else 8
            bench.finish(stage.document, environment={"processes": processes})
            records[stage.ref] = load_record(bench.store, stage.ref)
    compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    runs = [{"from": str(stage.ref)} for stage in plan.stages if stage.label.startswith("with/scores")]
    curve = a_curve("with", 0.9, 0.1)
    curve["points"] = [point | {"runs": runs} for point in curve["points"]]
    figures = [{"value": -0.8, "figures": {"forward": {"value": 2.0} | run}} for run in runs]
    document = {
        "comparison": {"name": "study", "family": "holm", "alpha": 0.05},
        "missing": [],
        "curves": [curve],
        "derived": [DERIVED | {"arm": "with", "runs": figures}],
    }

    data = report_data(plan, records, {compared.ref: document})

    (told,) = data["comparisons"]
    assert {item["word"] for item in (*told["curves"], *told["derived"])} == {"not comparable"}
    assert (
        page(data | {"trainings": []}).count(
            "not alike: sft: processes 4 (with/sft[seed=4]) and 8 (with/sft[seed=8])"
        )
        == 2
    )
