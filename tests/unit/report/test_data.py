"""The report's figures, from a plan, records and verdicts."""

from assay.artifacts.kinds import Kind
from assay.report.data import report_data, warnings
from assay.report.page import page
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench
from builders import a_cleaning, a_plan

CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}


def missing_told(*missing):
    plan = a_plan(compare=[CONTRAST])
    compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    data = report_data(plan, {}, {compared.ref: {"verdicts": [], "missing": list(missing)}})
    return [item["told"] for item in data["comparisons"][0]["missing"]]


def test_a_run_that_did_not_finish_goes_by_its_label():
    run = {"arm": "with", "coordinates": {"size": "1"}, "replicate": {"seed": "2"}, "stages": {"scores": "…"}}

    assert missing_told({**run, "reason": "its stage failed"}) == [
        "with/scores[size=1,seed=2]: its stage failed"
    ]


def test_a_question_without_an_answer_names_stages_by_their_labels():
    scores = next(stage for stage in a_plan().stages if stage.label == "with/scores")
    question = {"contrast": "refusals", "task": "quiz", "coordinates": {}}

    told = missing_told({**question, "reason": f"{scores.ref} has no outcomes of task quiz"})

    assert told == ["refusals on quiz: with/scores has no outcomes of task quiz"]


def test_a_cleaning_that_kept_nothing_is_a_warning_on_the_page(tmp_path):
    plan = a_plan()
    cleaned = next(stage for stage in plan.stages if stage.kind is Kind.CLEAN)
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    bench.finish(cleaned.document, **a_cleaning(12, rejected=12))

    data = report_data(plan, {cleaned.ref: load_record(bench.store, cleaned.ref)}, {})

    assert '<p class="bad">0 of 12 rows kept</p>' in page(data)


def test_a_file_that_was_not_read_to_its_end_is_a_warning(tmp_path):
    cleaned = next(stage for stage in a_plan().stages if stage.kind is Kind.CLEAN)
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    summary = a_cleaning(12, rejected=1)
    summary["sources"]["chats"]["brokenFiles"] = 1
    bench.finish(cleaned.document, **summary)

    [told] = warnings(load_record(bench.store, cleaned.ref))

    assert told.startswith("1 file of source chats could not be read to the end")


def test_scores_are_means_over_replicates_and_not_over_other_axes(tmp_path):
    plan = a_plan(
        arms=[{"name": "only"}],
        matrix=[
            {"name": "rate", "role": "factor", "paths": ["sft.train.optimizer.lr"], "numbers": [0.1, 0.2]},
            {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2]},
        ],
    )
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    records = {}
    for score, stage in enumerate(stage for stage in plan.stages if stage.kind is Kind.EVALUATE):
        figures = {"score": score, "n": 1, "unit": "share", "chance": None}
        bench.finish(stage.document, tasks={"quiz": {"final": figures}})
        records[stage.ref] = load_record(bench.store, stage.ref)

    rows = report_data(plan, records, {})["scores"]

    assert [(row["coordinates"], row["mean"]) for row in rows] == [
        ({"rate": "0.1"}, 0.5),
        ({"rate": "0.2"}, 2.5),
    ]


def test_a_training_s_course_and_speeds_stand_on_the_page(tmp_path):
    plan = a_plan()
    trained = next(stage for stage in plan.stages if stage.kind is Kind.TRAIN)
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    summary = {"rows": 8, "tokens": 80, "steps": 2, "trainingLoss": 2.5, "parameters": 9}
    bench.finish(trained.document, **summary, curve={"step": [1, 2], "loss": [3.0, 2.0]})

    html = page(report_data(plan, {trained.ref: load_record(bench.store, trained.ref)}, {}))

    assert "loss from 3 to 2 over 2 steps" in html
    assert ">–</td>" in html  # no GPU: no MFU
