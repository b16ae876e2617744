"""What others published beside ours: what counts as reproduced, and whether that was said before the results."""

import pytest

from assay.api.compare import Published
from assay.artifacts.kinds import Kind
from assay.plan.comparisons import without
from assay.report.data import report_data
from assay.report.page import page
from assay.report.published import of_contrasts, of_score
from assay.stores.registered import Registration, asked
from builders import a_plan

COMPARISON = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [
        {"name": "total", "a": "with", "b": "without"},
        {"name": "matched", "a": "with", "b": "without"},
    ],
}
THEIRS = {"contrast": "total", "task": "refusals", "value": 0.04, "source": "arXiv 1, table 2"}


def a_verdict(word="better", effect=0.05, low=0.01, high=0.09, **more):
    interval = None if low is None else {"low": low, "high": high, "level": 0.95}
    return {
        "contrast": "total",
        "task": "refusals",
        "coordinates": {},
        "word": word,
        "effect": effect,
        "interval": interval,
        "margin": 0.01,
        **more,
    }


def rows(*verdicts, registered=None, **theirs):
    """Hold verdicts against what others published."""
    plan = a_plan(compare=[COMPARISON], published=[THEIRS | theirs])
    compared = plan.stages[-1]
    assert compared.kind is Kind.COMPARE
    found = () if registered is None else registered(plan)
    return of_contrasts(plan, {compared.ref: {"verdicts": verdicts}}, {item.question: item for item in found})


@pytest.mark.parametrize(
    ("verdict", "value", "word"),
    [
        (a_verdict("better", 0.05), 0.04, "reproduced"),
        (a_verdict("worse", 0.05), 0.04, "reproduced"),  # a loss: higher is worse, and they found it higher
        (a_verdict("higher", 0.05), -0.04, "not reproduced"),
        (a_verdict("inconclusive", 0.01, -0.02, 0.04), 0.04, "open"),
        (a_verdict("inconclusive", -0.03, -0.05, -0.01), 0.04, "not reproduced"),
        (a_verdict("inconclusive", 0.03, 0.01, 0.05), -0.04, "not reproduced"),
        (a_verdict("inconclusive", 0.01, None), 0.04, "open"),
        (a_verdict("equivalent", 0.001, -0.005, 0.006), 0.04, "not reproduced"),
        (a_verdict("equivalent", 0.001, -0.005, 0.006), 0.005, "open"),
        (a_verdict("equivalent", 0.001, -0.005, 0.006), 0, "reproduced"),
        (a_verdict("better", 0.05), 0, "not reproduced"),
        (a_verdict("inconclusive", 0.01, -0.02, 0.04), 0, "open"),
        (a_verdict("floor", 0.05), 0.04, "not comparable"),
        (a_verdict("not comparable", 0.05), 0.04, "not comparable"),
    ],
)
def test_a_difference_is_reproduced_by_the_rule(verdict, value, word):
    (row,) = rows(verdict, value=value)

    assert row["word"] == word


def test_what_was_measured_otherwise_is_not_comparable_and_says_in_what():
    (row,) = rows(a_verdict(), unlike="5-shot on another harness")

    assert (row["word"], row["told"]) == ("not comparable", "5-shot on another harness")


@pytest.mark.parametrize(
    ("beside", "word"),
    [
        ([a_verdict(contrast="matched")], "reproduced"),
        ([a_verdict("inconclusive", 0.0, -0.02, 0.02, contrast="matched")], "open"),
        ([a_verdict("worse", -0.05, -0.09, -0.01, contrast="matched")], "not reproduced"),
        ([a_verdict(contrast="matched", coordinates={"size": "1b"})], "open"),
        ([], "open"),
    ],
)
def test_with_other_contrasts_named_the_worst_counts(beside, word):
    (row,) = rows(a_verdict(), *beside, also=["matched"])

    assert row["word"] == word


def test_without_a_verdict_it_stays_open():
    (row,) = rows()

    assert (row["word"], row["told"]) == ("open", "total on refusals has no verdict yet")


def test_each_point_of_a_factor_is_held_against_it():
    found = rows(a_verdict(coordinates={"size": "1b"}), a_verdict("worse", -0.05, coordinates={"size": "7b"}))

    assert [(row["coordinates"]["size"], row["word"]) for row in found] == [
        ("1b", "reproduced"),
        ("7b", "not reproduced"),
    ]


@pytest.mark.parametrize(
    ("theirs", "mean", "word"),
    [
        ({}, 0.5, None),
        ({"within": 0.01}, 0.455, "reproduced"),
        ({"within": 0.01}, 0.47, "not reproduced"),
        ({"unlike": "their prompts are not known"}, 0.45, "not comparable"),
    ],
)
def test_a_score_is_reproduced_within_the_distance_that_is_named(theirs, mean, word):
    one = Published.model_validate(
        {"arm": "with", "task": "refusals", "value": 0.45, "source": "arXiv 1", **theirs}
    )

    assert of_score(one, mean)["word"] == word


def registration(plan, *, results=0, published=None):
    spec = plan.stages[-1].document.spec
    said = tuple(one.said for one in plan.published) if published is None else published
    return Registration(
        question=asked(spec), comparison=spec["comparison"], plan="d" * 64, results=results, published=said
    )


@pytest.mark.parametrize(
    ("registered", "exploratory"),
    [
        (None, None),
        (lambda plan: [registration(plan)], False),
        (lambda plan: [registration(plan, results=1)], True),
        (lambda plan: [registration(plan, published=())], True),
        (lambda plan: [registration(plan, published=({**THEIRS, "value": 0.02},))], True),
    ],
)
def test_a_rule_that_was_not_registered_before_there_were_results_is_exploratory(registered, exploratory):
    (row,) = rows(a_verdict(), registered=registered)

    assert row["exploratory"] is exploratory


def test_a_rule_stays_registered_when_runs_fail():
    plan = a_plan(compare=[COMPARISON], published=[THEIRS])
    lost = without(plan.stages[-1], frozenset({plan.stages[-1].reads[0]}))
    left = plan.model_copy(update={"stages": (*plan.stages[:-1], lost)})

    (row,) = of_contrasts(left, {}, {item.question: item for item in [registration(plan)]})

    assert row["exploratory"] is False


def test_the_page_says_it_before_the_verdicts():
    plan = a_plan(compare=[COMPARISON], published=[THEIRS])

    html = page(report_data(plan, {}, {}))

    assert "Beside what was published" in html
    assert "total on refusals has no verdict yet" in html
