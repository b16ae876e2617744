"""The forest plot: where effects, intervals, the line at no effect and the margin stand."""

import re

import pytest

from assay.artifacts.kinds import Kind
from assay.report.data import report_data
from assay.report.forest import forests
from assay.report.page import page
from builders import a_plan


def an_effect(effect=0.02, low=0.01, high=0.03, **more):
    return {
        "contrast": "refusals",
        "task": "quiz",
        "coordinates": {},
        "unit": "accuracy",
        "word": "better",
        "effect": effect,
        "interval": None if low is None else {"low": low, "high": high, "level": 0.95},
        "margin": 0.01,
        "a": {"arm": "without"},
        "b": {"arm": "with"},
        **more,
    }


def a_level(**more):
    return {
        name: value
        for name, value in an_effect(arm="small", **more).items()
        if name not in ("contrast", "a", "b")
    }


def plotted(*verdicts, **more):
    return forests({"verdicts": verdicts, "curves": [], "derived": [], "trends": [], **more})


def rows(plot):
    return [row for group in plot["groups"] for row in group["rows"]]


def test_an_effect_stands_within_its_interval_on_its_side_of_the_line():
    (plot,) = plotted(an_effect(), an_effect(effect=-0.02, low=-0.05, high=0.01))

    higher, lower = rows(plot)
    assert plot["zero"] < higher["ends"][0] < higher["x"] < higher["ends"][1]
    assert lower["ends"][0] < lower["x"] < plot["zero"] < lower["ends"][1]


def test_equal_distances_are_equally_wide_and_all_fits_between_the_rims():
    (plot,) = plotted(an_effect(effect=0.02, low=0.0, high=0.04), an_effect(effect=-0.04, low=None))

    wide, far = rows(plot)
    assert wide["ends"][1] - plot["zero"] == pytest.approx(plot["zero"] - far["x"], abs=0.02)
    assert (far["x"], wide["ends"][1]) == (3.0, 97.0)


def test_an_effect_without_an_interval_is_a_mark_alone():
    (plot,) = plotted(an_effect(low=None))

    assert rows(plot)[0]["ends"] == []


def test_the_margin_is_a_band_around_the_line_as_wide_as_its_task_says():
    (plot,) = plotted(an_effect(), an_effect(task="drop", margin=0.02), an_effect(task="none", margin=None))

    bands = {group["name"]: group["band"] for group in plot["groups"]}
    assert all(
        band["x"] + band["width"] / 2 == pytest.approx(plot["zero"], abs=0.02) for band in bands.values()
    )
    assert bands["drop"]["width"] == pytest.approx(2 * bands["quiz"]["width"], abs=0.02)
    assert bands["none"]["width"] == 0


def test_only_what_is_measured_in_one_unit_shares_an_axis():
    plots = plotted(an_effect(), an_effect(task="texts", unit="bits per byte", effect=3.0, low=2.0, high=4.0))

    assert [plot["unit"] for plot in plots] == ["accuracy", "bits per byte"]
    assert [len(rows(plot)) for plot in plots] == [1, 1]


def test_changes_along_curves_and_derived_measures_are_plotted_too():
    curve = a_level(axis="negatives")
    derived = a_level(expression="forward - inverse")

    changes, measures = plotted(curves=[curve], derived=[derived])

    assert (changes["groups"][0]["name"], changes["sides"]) == ("quiz by negatives", ("falls", "rises"))
    assert (measures["unit"], rows(measures)[0]["label"]) == ("forward - inverse", "small")


def test_ticks_are_few_and_round_and_the_line_is_one_of_them():
    (plot,) = plotted(an_effect(effect=0.1, low=-0.037, high=0.231))

    assert [tick["value"] for tick in plot["ticks"]] == pytest.approx([0, 0.1, 0.2])
    assert plot["zero"] in [tick["x"] for tick in plot["ticks"]]


def test_effects_that_are_all_nothing_stand_in_the_middle():
    (plot,) = plotted(an_effect(effect=0.0, low=None, margin=None))

    assert rows(plot)[0]["x"] == plot["zero"] == 50.0


def test_the_picture_is_told_in_words():
    (plot,) = plotted(an_effect(), an_effect(task="drop"), an_effect(word="worse"))

    assert plot["told"].startswith("3 effects, a minus b, with intervals: 2 better, 1 worse.")
    assert rows(plot)[0]["told"] == "refusals, without − with: better, 0.02, 0.01 to 0.03"


def test_places_in_the_matrix_are_told_apart_and_long_names_are_cut():
    (plot,) = plotted(an_effect(coordinates={"size": "7b"}), an_effect(contrast="x" * 60))

    assert [row["label"] for row in rows(plot)] == ["refusals[size=7b]", f"{'x' * 31}…"]


def test_no_verdicts_make_no_picture():
    assert plotted() == []


def test_on_the_page_each_picture_has_a_title_and_a_description_of_its_own(judged_page):
    html = judged_page(an_effect(), an_effect(unit="F1", task="drop"))

    named = re.findall(r'aria-labelledby="(\S+) (\S+)"', html)
    assert len(named) == len({name for pair in named for name in pair}) / 2 == 2
    assert all(html.count(f'id="{name}"') == 1 for pair in named for name in pair)


def test_on_the_page_parts_lean_to_the_arm_that_is_higher_there(judged_page):
    effects = [("algebra", 0.3), ("virology", -0.15), ("law", 0.0)]
    groups = [
        {"group": name, "n": 9, "a": 0.5, "b": 0.5 - effect, "effect": effect} for name, effect in effects
    ]

    html = judged_page(an_effect(groups=groups))

    assert re.findall(r"<td>(\w+)<td>9<td style=\"--lean:(\S+)\">", html) == [
        ("algebra", "1.0"),
        ("law", "0.0"),
        ("virology", "-0.5"),
    ]


@pytest.fixture
def judged_page():
    """Return the page of a comparison with such verdicts."""

    def judged_page(*verdicts):
        asked = {
            "name": "effect",
            "stage": "scores",
            "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
        }
        plan = a_plan(compare=[asked])
        compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
        side = {"mean": 0.5, "runs": [{"from": "evaluate/1", "score": 0.5, "lineage": {}}]}
        whole = [
            verdict
            | {
                "reading": "So.",
                "primary": False,
                "exploratory": False,
                "chance": None,
                "n": 9,
                "p": 0.1,
                "adjustedP": 0.1,
            }
            | {name: verdict[name] | side for name in ("a", "b")}
            for verdict in verdicts
        ]
        document = {
            "comparison": {"family": "holm", "alpha": 0.05, **asked},
            "missing": [],
            "verdicts": whole,
        }
        return page(report_data(plan, {}, {compared.ref: document}))

    return judged_page
