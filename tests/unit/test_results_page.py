"""The page of the studies' results: a row for every question of a report, whatever its kind."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "write_results.py"


@pytest.fixture
def questions():
    return runpy.run_path(str(SCRIPT))["questions"]


@pytest.fixture
def moments():
    return runpy.run_path(str(SCRIPT))["moments"]


def a_level(**more):
    return {
        "arm": "mixed", "coordinates": {}, "word": "lower", "effect": -0.7, "interval": {"low": -0.8, "high": -0.6},
        "p": 0.01, "adjustedP": 0.02, "margin": None, "runs": [{}] * 3, **more,
    }  # fmt: skip


def test_a_trend_is_a_row_beside_what_is_derived(questions):
    document = {
        "verdicts": [],
        "curves": [],
        "derived": [a_level(expression="kappa")],
        "trends": [a_level(expression="slope of ln(kappa) by ln(k)")],
    }

    _, derived, trend = questions(document)

    assert derived.startswith("| mixed | `kappa` | lower | -0.7 | ")
    assert trend.startswith("| mixed | `slope of ln(kappa) by ln(k)` | lower | -0.7 | ")


def test_an_older_report_has_no_trends_and_its_table_all_else(questions):
    assert len(list(questions({"verdicts": [], "curves": [], "derived": [a_level(expression="kappa")]}))) == 2


def a_score(task, mean, **more):
    return {
        "arm": "together", "coordinates": {"k": "8"}, "stage": "before", "task": task, "unit": "bits per byte",
        "mean": mean, "noise": 0.0012, "runs": [{}] * 3, **more,
    }  # fmt: skip


def test_what_was_measured_along_a_training_is_a_row_with_a_column_for_each_checkpoint(moments):
    scores = [a_score("rate at slice-1", 0.123456), a_score("rate at final", 0.25), a_score("other", 0.5)]

    head, row = moments(scores)

    assert head.startswith("| of | measured | runs | slice-1 | final |")
    assert row == "| together/before[k=8] | rate, bits per byte | 3 | 0.12346 (0.0012) | 0.25 (0.0012) |"


def test_checkpoints_stand_as_training_reaches_them(moments):
    names = ("slice-10", "epoch-1.5", "final", "slice-2", "slice-1", "epoch-0.25")

    head, _ = moments([a_score(f"rate at {name}", 0.5) for name in names])

    assert head.startswith(
        "| of | measured | runs | epoch-0.25 | epoch-1.5 | slice-1 | slice-2 | slice-10 | final |"
    )


def test_where_only_last_models_were_measured_there_is_no_such_table(moments):
    assert list(moments([a_score("rate", 0.5)])) == []
