"""The report opens with what was asked, and what is answered so far."""

import pytest

from assay.artifacts.kinds import Kind
from assay.report.data import report_data
from assay.report.page import page
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench
from builders import SUMMARIES, a_plan

CONTRASTS = [
    {"name": "total", "a": "with", "b": "without"},
    {"name": "back", "a": "without", "b": "with"},
]
STUDY = {"name": "study", "stage": "scores", "contrasts": CONTRASTS}
PRIMARY = {"primary": {"contrast": "back", "task": "refusals"}}


def a_verdict(contrast, **more):
    side = {"arm": "with", "mean": 0.5, "runs": [{"from": "evaluate/0", "score": 0.5, "lineage": {}}]}
    return {
        "contrast": contrast, "task": "refusals", "coordinates": {}, "primary": False, "exploratory": False,
        "word": "better", "reading": f"{contrast} is better.", "unit": "share", "chance": None, "n": 9,
        "effect": 0.1, "interval": None, "p": 0.01, "adjustedP": 0.01, "margin": None, "a": side, "b": side,
        **more,
    }  # fmt: skip


def opened(comparison, verdicts=None, missing=(), records=None):
    plan = a_plan(compare=[comparison])
    compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    asked = {"family": "holm", "alpha": 0.05, **comparison}
    document = {"comparison": asked, "verdicts": verdicts, "missing": list(missing)}
    return report_data(plan, records or {}, {} if verdicts is None else {compared.ref: document})


def test_the_primary_hypothesis_is_asked_in_words_and_its_verdict_alone_answers():
    data = opened(STUDY | PRIMARY, [a_verdict("total", word="worse"), a_verdict("back", primary=True)])

    (question,) = data["questions"]
    assert question["asked"] == "Does without differ from with on refusals?"
    assert [answer["told"] for answer in question["answers"]] == ["back is better."]


def test_question_and_verdict_stand_before_all_else():
    html = page(opened(STUDY | PRIMARY, [a_verdict("back", primary=True)]))

    before = html[: html.index("<h2>")]
    assert "Does without differ from with on refusals?" in before
    assert "back is better." in before


def test_an_answer_for_each_value_of_a_factor_says_which():
    verdicts = [a_verdict("back", primary=True, coordinates={"size": size}) for size in ("1b", "7b")]

    (question,) = opened(STUDY | PRIMARY, verdicts)["questions"]

    assert [answer["at"] for answer in question["answers"]] == ["size=1b", "size=7b"]


def test_many_verdicts_without_a_primary_are_counted_by_word():
    verdicts = [a_verdict(f"c{at}", word="better" if at else "floor") for at in range(5)]

    (question,) = opened(STUDY, verdicts)["questions"]

    assert question["asked"] == "Do the arms of 2 contrasts differ?"
    assert question["told"] == "5 verdicts: 4 better, 1 floor."


def test_before_there_is_a_verdict_it_says_how_much_is_done(tmp_path):
    plan = a_plan(compare=[STUDY])
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    scores = next(stage for stage in plan.stages if stage.kind is Kind.EVALUATE)
    bench.finish(scores.document, **SUMMARIES[Kind.EVALUATE])

    (question,) = opened(STUDY, records={scores.ref: load_record(bench.store, scores.ref)})["questions"]

    assert question["told"] == "No answer yet: 1 of the 2 stages that it reads are done."


def test_a_primary_that_could_not_be_judged_says_why():
    missing = {
        "contrast": "back",
        "task": "refusals",
        "coordinates": {},
        "reason": "no run of with has finished",
    }

    (question,) = opened(STUDY | PRIMARY, [a_verdict("total")], [missing])["questions"]

    assert question["told"] == "No answer: back on refusals: no run of with has finished."


@pytest.mark.parametrize(
    ("comparison", "asked"),
    [
        ({"stage": "scores", "contrasts": CONTRASTS[:1]}, "Does with differ from without?"),
        (
            {
                "derived": {
                    "expression": "x - 2",
                    "measures": [{"name": "x", "stage": "sft", "figure": "trainingLoss"}],
                }
            },
            "Is x - 2 other than 0?",
        ),
    ],
)
def test_what_is_compared_is_a_question(comparison, asked):
    (question,) = opened({"name": "study", **comparison})["questions"]

    assert question["asked"] == asked
