"""Whether a comparison was asked before its answers were there."""

import pytest

from assay.artifacts.kinds import Kind
from assay.plan.comparisons import without
from assay.report.data import report_data
from assay.report.page import page
from assay.stores.registered import Registration, asked
from builders import a_plan

CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}
PLAN = a_plan(compare=[CONTRAST])
COMPARED = PLAN.stages[-1]


def reported(*registered):
    assert COMPARED.kind is Kind.COMPARE
    comparison = COMPARED.document.spec["comparison"]
    document = {"comparison": comparison, "verdicts": [], "missing": []}
    return report_data(PLAN, {}, {COMPARED.ref: document}, {item.question: item for item in registered})


def registration(results, plan=PLAN, **changed):
    spec = plan.stages[-1].document.spec
    comparison = {**spec["comparison"], **changed}
    question = asked({**spec, "comparison": comparison})
    return Registration(question=question, comparison=comparison, plan="d" * 64, results=results)


SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2]}


@pytest.mark.parametrize(
    ("registered", "told"),
    [
        (registration(0), "registered before any of its results was there"),
        (registration(3), "exploratory: 3 of its results were there when it was approved"),
        (registration(0, margin=0.5), "exploratory: it is not what was approved"),
        (
            registration(0, a_plan(compare=[CONTRAST], matrix=[SEEDS])),
            "exploratory: it is not what was approved",
        ),
    ],
)
def test_a_comparison_says_whether_it_was_asked_before_its_answers(registered, told):
    data = reported(registered)

    assert data["comparisons"][0]["registration"]["told"] == told
    assert told in page(data)


def test_where_no_plan_was_approved_nothing_is_said():
    data = reported()

    assert data["comparisons"][0]["registration"] is None
    assert "exploratory:" not in page(data)


def test_a_question_stays_what_it_was_when_runs_of_it_fail():
    lost = frozenset({COMPARED.reads[0]})

    assert asked(without(COMPARED, lost).document.spec) == asked(COMPARED.document.spec)
