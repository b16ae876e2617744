"""Whether training data was held against benchmarks' items."""

import pytest

from assay.artifacts.kinds import Kind
from assay.report.contamination import contamination, told
from assay.report.data import report_data
from assay.report.page import page
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench
from builders import a_pipeline, a_plan

ITEMS = {"decontaminate": {"uri": "items.jsonl"}}
GUANACO = {"name": "guanaco", "uri": "guanaco.jsonl", "format": "guanaco"}


@pytest.fixture
def scored(tmp_path):
    """Return the data of a report in which cleaning had such steps and sources, dropping four chats in each decontamination."""

    def scored(*steps, sources=(), later=()):
        cleaned, trained, answers, scores = a_pipeline()
        cleaned["clean"]["steps"] = list(steps)
        cleaned["clean"]["sources"] += sources
        plan = a_plan(pipeline=[cleaned, trained, answers, scores], arms=[{"name": "only"}])
        bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
        records = {}
        for stage in plan.stages:
            bench.finish(stage.document, **summary_of(stage, set(later)))
            records[stage.ref] = load_record(bench.store, stage.ref)
        return plan, records

    return scored


def summary_of(stage, later):
    match stage.kind:
        case Kind.CLEAN:
            names = [source["name"] for source in stage.document.spec["sources"]]
            steps = [
                {"name": kind, "kind": kind, "dropped": 4 * (kind == "decontaminate"), "in": 9, "changed": 0, "setAside": 0,
                 "out": 5, "sources": {name: {"dropped": 0, "setAside": 0} for name in names if name not in later}}
                for kind in (step["name"] for step in stage.document.spec["steps"])
            ]  # fmt: skip
            return {
                "rows": 5,
                "sources": {name: {"in": 9, "rejected": 0} for name in names},
                "steps": steps,
                "splits": {},
            }
        case Kind.EVALUATE:
            return {"tasks": {"refusals": {"final": {"score": 0.5, "n": 9, "unit": "share", "chance": None}}}}
        case Kind.TRAIN:
            return {
                "rows": 5,
                "tokens": 9,
                "steps": 2,
                "trainingLoss": 2.5,
                "curve": {"step": [1, 2], "loss": [3.0, 2.0]},
            }
    return {}


def found_in(plan, records):
    (evaluated,) = (stage for stage in plan.stages if stage.kind is Kind.EVALUATE)
    return contamination(plan, records, evaluated)


def test_chats_that_shared_words_with_items_are_counted_beside_the_scores_of_what_was_trained_without_them(
    scored,
):
    plan, records = scored(ITEMS)

    found = found_in(plan, records)
    assert (found["held"], found["dropped"]) == ("all", 4)
    assert [ref.split("/")[0] for ref in found["from"]] == ["clean"]
    assert "<td>4 dropped</td>" in page(report_data(plan, records, {}))


def test_data_that_met_no_such_step_is_not_checked(scored):
    plan, records = scored({"exactDuplicates": {}})

    assert found_in(plan, records)["held"] == "none"
    assert "<td>not checked</td>" in page(report_data(plan, records, {}))


def test_a_source_that_joins_after_the_step_is_not_checked(scored):
    found = found_in(
        *scored(ITEMS, {"merge": {"sources": ["guanaco"]}}, sources=[GUANACO], later=["guanaco"])
    )

    assert told(found) == "4 dropped, not all checked"


def test_a_model_from_outside_has_no_data_to_check():
    cleaned, _, _, scores = a_pipeline()
    scores["evaluate"] = {"model": {"uri": "base"}, "tasks": [{"name": "quiz", "harness": {}}]}
    plan = a_plan(pipeline=[cleaned, scores], arms=[{"name": "only"}])

    found = found_in(plan, {})

    assert (found, told(found)) == (None, "–")


@pytest.mark.parametrize(
    ("steps", "held"),
    [
        ([ITEMS, {"split": {"parts": [{"name": "test", "share": 0.1}], "seed": 1}}], "all"),
        ([{"split": {"parts": [{"name": "test", "share": 0.1}], "seed": 1}}, ITEMS], "none"),
    ],
)
def test_a_part_that_was_set_aside_met_only_the_steps_before(tmp_path, steps, held):
    cleaned, trained, _, scores = a_pipeline()
    cleaned["clean"]["steps"] = steps
    trained["train"]["data"]["split"] = "test"
    scores["evaluate"]["tasks"] = [{"name": "quiz", "harness": {}}]
    plan = a_plan(pipeline=[cleaned, trained, scores], arms=[{"name": "only"}])
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    for stage in plan.stages:
        bench.finish(stage.document, **summary_of(stage, set()))
    records = {stage.ref: load_record(bench.store, stage.ref) for stage in plan.stages}

    assert found_in(plan, records)["held"] == held


def test_data_cleaned_twice_is_checked_where_either_cleaning_did(tmp_path):
    cleaned, trained, _, scores = a_pipeline()
    cleaned["clean"]["steps"] = [ITEMS]
    again = {"name": "again", "clean": {"sources": [{"name": "before", "from": "cleaned"}], "steps": []}}
    trained["train"]["data"] = {"from": "again"}
    scores["evaluate"]["tasks"] = [{"name": "quiz", "harness": {}}]
    plan = a_plan(pipeline=[cleaned, again, trained, scores], arms=[{"name": "only"}])
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    for stage in plan.stages:
        bench.finish(stage.document, **summary_of(stage, set()))
    records = {stage.ref: load_record(bench.store, stage.ref) for stage in plan.stages}

    found = found_in(plan, records)

    assert (found["held"], found["dropped"]) == ("all", 4)
