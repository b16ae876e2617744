"""What curves and trends come to besides their verdicts, on the page and in words."""

from itertools import pairwise

import pytest

from assay.report.doses import dose_curves, trend_curves
from assay.report.page import page
from assay.report.shapes import curve_told

FOUND = {"value": -0.5, "interval": {"low": -0.6, "high": -0.4}}
CURVE = {"axis": "negatives", "otherScale": None, "ratio": None, "fit": None, "nearest": None}
NEAR = {
    "task": "kl",
    "within": 0.01,
    "unit": "nats per token",
    "reached": 3,
    "of": 3,
    "dose": {"value": 729.0, "interval": {"low": 700.0, "high": 760.0}},
    "least": {"dose": 2000, "distance": 0.002},
}


def a_point(dose, mean, *, steps=None, low=None, theory=None):
    lineage = {"training": {"steps": steps}} if steps else {}
    interval = None if low is None else {"low": low, "high": mean + 1}
    figures = {"kappa": {"value": mean, "from": "evaluate/abc"}}
    runs = [{"lineage": lineage, "value": mean, "figures": figures}] * 3
    return {"dose": dose, "mean": mean, "interval": interval, "theory": theory, "runs": runs}


def a_trend(**changes):
    points = [a_point(dose, mean, theory=dose) for dose, mean in ((1, 1.2), (2, 1.5), (4, -0.3), (8, 2.5))]
    return {
        "arm": "together",
        "coordinates": {},
        "expression": "slope of ln(kappa) by ln(k)",
        "scale": "log",
        "theory": "idealMixture",
        "against": 1.0,
        "points": points,
        "slope": {"value": 0.3, "interval": {"low": 0.2, "high": 0.4}},
        "leftOut": [{"dose": 4, "value": -0.3, "replicate": {"seed": "2"}}],
        "word": "lower",
        "reading": "It is below 1.",
        "effect": -0.7,
        "interval": {"low": -0.8, "high": -0.6},
        "p": 0.01,
        "adjustedP": 0.01,
        "margin": 0.1,
        "runs": [{"replicate": {}, "value": 0.3}] * 3,
        "unlike": [],
        **changes,
    }


def test_a_least_near_dose_is_told_with_its_interval_and_where_the_distance_is_least():
    (told,) = curve_told(CURVE | {"nearest": NEAR})
    assert (
        told
        == "kl within 0.01: at 729 (700 … 760) negatives; least at 2\u202f000, where it is 0.002 nats per token"
    )


def test_a_distance_that_is_not_closed_in_every_curve_is_told_by_number():
    (told,) = curve_told(CURVE | {"nearest": NEAR | {"dose": None, "reached": 1}})
    assert told.startswith("kl within 0.01: reached in 1 of 3 curves; least at")


def test_a_fit_is_told_with_its_members_or_with_why_there_is_none():
    fit = {"start": FOUND, "end": FOUND, "tau": FOUND, "residual": 0.01}
    (told,) = curve_told(CURVE | {"fit": fit})
    (reason,) = curve_told(CURVE | {"fit": {"reason": "3 doses"}})
    assert "tau -0.5 (-0.6 … -0.4), residual 0.01" in told
    assert reason == "exponential not fitted: 3 doses"


def test_a_curve_of_an_older_document_is_told_by_what_it_has():
    assert curve_told(CURVE) == []


def test_optimiser_steps_stand_below_doses_that_all_curves_reached_after_as_many():
    def curve(*steps):
        points = [a_point(dose, 0.5, steps=number) for dose, number in zip((0, 100, 200), steps, strict=True)]
        return {"arm": "a", "coordinates": {}, "points": points}

    picture = dose_curves([curve(40, 2, 4), curve(80, 2, 5)])
    assert [mark["steps"] for mark in picture["doses"]] == [None, 2, None]


def test_a_trend_of_logarithms_is_drawn_by_them_and_leaves_out_what_has_none():
    picture = trend_curves([a_trend()])
    measured, ideal = picture["lines"]

    assert [line["arm"] for line in picture["lines"]] == ["together", "ideal mixture"]
    assert len(measured["points"]) == 3
    heights = [point["y"] for point in ideal["points"]]
    assert [a - b for a, b in pairwise(heights)] == pytest.approx([heights[0] - heights[1]] * 3, abs=0.2)


def a_page(*trends):
    document = {
        "comparison": {"name": "study", "family": "holm", "alpha": 0.05},
        "registration": None,
        "from": f"compare/{'0' * 64}",
        "verdicts": [],
        "models": [],
        "curves": [],
        "derived": [],
        "trends": list(trends),
        "missing": [],
        "sameRuns": [],
    }
    return page(
        {
            "experiment": "study",
            "questions": [],
            "published": [],
            "arms": [],
            "stages": [],
            "work": {
                "kinds": [],
                "all": dict.fromkeys(("stages", "asked", "done"), 0),
                "gpus": {},
                "cost": None,
            },
            "comparisons": [document],
            "scores": [],
            "trainings": [],
            "cleanings": [],
            "notes": [],
        }
    )


def below_zero(arm):
    return a_trend(arm=arm, theory=None, points=[a_point(dose, -0.1) for dose in (1, 2, 4)])


def test_of_arms_whose_means_have_no_logarithm_the_others_keep_their_colours():
    alone = trend_curves([a_trend(), below_zero("lost"), a_trend(arm="after")])

    assert [bool(line["points"]) for line in alone["lines"]] == [True, False, True, True]
    assert len({line["hue"] for line in alone["lines"]}) == 4


def test_a_trend_of_logarithms_whose_means_have_none_is_told_without_a_picture():
    html = a_page(below_zero("together"))

    assert '<svg class="doses"' not in html
    assert '<svg class="doses"' in a_page(a_trend())
    assert "<h3>slope of ln(kappa) by ln(k)</h3>" in html
    assert "4: <span" in html


def test_a_trend_stands_on_the_page_with_its_runs_the_theory_and_what_was_left_out():
    html = a_page(a_trend())

    assert "<h3>slope of ln(kappa) by ln(k)</h3>" in html
    assert "ideal 8" in html
    assert "kappa 2.5 of evaluate/abc" in html
    assert "1 of 12 values (-0.3 at 4 [seed=2])" in html
    assert "against the ideal mixture’s slope" in html
