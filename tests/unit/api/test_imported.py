"""Which files below a folder are a run's, and what is said where some are missing or too many."""

import pytest

from assay.api.imported import logged_tasks
from assay.errors import SpecError

DATE = "2026-01-02T03-04-05.678901"
LATER = "2026-01-03T03-04-05"


def results(*tasks, model="base"):
    return {
        "results": {task: {} for task in tasks},
        "n-samples": {task: {"effective": 2} for task in tasks},
        "model_name": model,
    }


def logged(documents, *more):
    return logged_tasks([*documents, *more], documents.__getitem__, "runs/base")


def test_every_task_of_an_invocation_goes_with_its_samples_and_results():
    documents = {f"m/results_{DATE}.json": results("arc_easy", "mmlu_law")}
    found = logged(
        documents, f"m/samples_arc_easy_{DATE}.jsonl", f"m/samples_mmlu_law_{DATE}.jsonl", "m/notes.txt"
    )

    assert {task: one.samples for task, one in found.items()} == {
        "arc_easy": f"m/samples_arc_easy_{DATE}.jsonl",
        "mmlu_law": f"m/samples_mmlu_law_{DATE}.jsonl",
    }
    assert found["mmlu_law"].results_name == f"m/results_{DATE}.json"


def test_results_that_were_named_by_their_author_are_found():
    found = logged({f"mine_{DATE}.json": results("arc")}, f"samples_arc_{DATE}.jsonl")

    assert list(found) == ["arc"]


def test_invocations_of_other_tasks_are_one_run():
    documents = {f"m/results_{DATE}.json": results("arc"), f"m/results_{LATER}.json": results("law")}
    found = logged(documents, f"m/samples_arc_{DATE}.jsonl", f"m/samples_law_{LATER}.jsonl")

    assert sorted(found) == ["arc", "law"]


@pytest.mark.parametrize(
    ("documents", "more", "told"),
    [
        ({}, ["notes.txt"], r"runs/base: found no results_<date>\.json, expected one"),
        (
            {f"m/results_{DATE}.json": results("arc", "law")},
            [f"m/samples_arc_{DATE}.jsonl"],
            rf"found no samples of task law, expected samples_law_{DATE}\.jsonl beside it\. Evaluate it with --log_samples",
        ),
        (
            {f"m/results_{DATE}.json": results("arc")},
            [f"m/samples_arc_{LATER}.jsonl"],
            "found no samples of task arc",
        ),
        (
            {f"m/results_{DATE}.json": results("arc"), f"m/results_{LATER}.json": results("arc")},
            [f"m/samples_arc_{DATE}.jsonl", f"m/samples_arc_{LATER}.jsonl"],
            rf"task arc: found it twice, in m/results_{DATE}\.json and m/results_{LATER}\.json",
        ),
        (
            {
                f"a/results_{DATE}.json": results("arc", model="a"),
                f"b/results_{LATER}.json": results("law", model="b"),
            },
            [f"a/samples_arc_{DATE}.jsonl", f"b/samples_law_{LATER}.jsonl"],
            rf"found results of a \(a/results_{DATE}\.json\) and b \(b/results_{LATER}\.json\), expected one model's",
        ),
        ({f"m/results_{DATE}.json": [1]}, [], "found other JSON, expected `results` and `n-samples`"),
    ],
)
def test_a_folder_that_is_no_whole_run_is_refused(documents, more, told):
    with pytest.raises(SpecError, match=told):
        logged(documents, *more)
