"""The report's figures, from a plan, records and verdicts."""

import pytest

from assay.artifacts.kinds import Kind
from assay.cli.verdicts import print_verdicts
from assay.report.data import report_data, warnings
from assay.report.lines import verdict_lines
from assay.report.page import page
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench
from builders import a_cleaning, a_pipeline, a_plan

CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}


def missing_told(*missing):
    plan = a_plan(compare=[CONTRAST])
    compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    data = report_data(
        plan, {}, {compared.ref: {"comparison": CONTRAST, "verdicts": [], "missing": list(missing)}}
    )
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


def test_a_contrast_of_the_same_runs_is_told_as_that_and_answers_nothing(capsys):
    plan = a_plan(compare=[CONTRAST])
    compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    same = {"contrast": "refusals", "a": "with", "b": "without", "coordinates": {"dose": "0"}}
    comparison = compared.document.spec["comparison"]
    document = {"comparison": comparison, "verdicts": [], "missing": [], "sameRuns": [same]}
    data = report_data(plan, {}, {compared.ref: document})
    print_verdicts(data)

    told = "refusals at dose=0: with and without are the same runs"
    assert data["questions"][0]["told"] == f"No answer: {told}."
    assert f"Nothing to compare, hence no verdict and no place in the family: {told}." in page(data)
    assert f"nothing to compare: {told}" in capsys.readouterr().out


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


THEIRS = {"arm": "only", "task": "quiz", "value": 0.25, "source": "arXiv 1, table 2"}


def scored(tmp_path, *checkpoints):
    """Return the score rows and the page of a single arm on a task of which others published a score."""
    cleaned, trained, _, _ = a_pipeline()
    tasks = [{"name": "quiz", "harness": {}}]
    scores = {"name": "scores", "evaluate": {"model": {"from": "sft"}, "tasks": tasks}}
    plan = a_plan(pipeline=[cleaned, trained, scores], arms=[{"name": "only"}], published=[THEIRS])
    evaluated = next(stage for stage in plan.stages if stage.kind is Kind.EVALUATE)
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    figures = {"score": 0.5, "n": 1, "unit": "share", "chance": None}
    bench.finish(evaluated.document, tasks={"quiz": dict.fromkeys(checkpoints, figures)})
    data = report_data(plan, {evaluated.ref: load_record(bench.store, evaluated.ref)}, {})
    return data["scores"], page(data)


def test_a_published_score_stands_beside_ours_with_its_source_and_the_difference(tmp_path):
    rows, html = scored(tmp_path, "final")

    assert [row["published"] for row in rows] == [
        {"value": 0.25, "source": "arXiv 1, table 2", "word": None, "told": ""}
    ]
    assert "arXiv 1, table 2; ours is +0.25" in html


def test_a_published_score_is_of_the_end_of_a_training(tmp_path):
    rows, _ = scored(tmp_path, "epoch-0.5", "final")

    assert {row["task"]: bool(row["published"]) for row in rows} == {
        "quiz at epoch-0.5": False,
        "quiz at final": True,
    }


def test_without_published_scores_the_page_has_no_column_for_them(tmp_path):
    plan = a_plan()

    assert "published" not in page(report_data(plan, {}, {}))


def test_published_scores_are_no_part_of_what_any_stage_is():
    plain, told = a_plan(), a_plan(published=[{**THEIRS, "arm": "with", "task": "refusals"}])

    assert [stage.ref for stage in told.stages] == [stage.ref for stage in plain.stages]


def test_a_training_s_course_and_speeds_stand_on_the_page(tmp_path):
    plan = a_plan()
    trained = next(stage for stage in plan.stages if stage.kind is Kind.TRAIN)
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    summary = {"rows": 8, "tokens": 80, "steps": 2, "trainingLoss": 2.5, "parameters": 9}
    bench.finish(trained.document, **summary, curve={"step": [1, 2], "loss": [3.0, 2.0]})

    html = page(report_data(plan, {trained.ref: load_record(bench.store, trained.ref)}, {}))

    assert "loss from 3 to 2 over 2 steps" in html
    assert ">–</td>" in html  # no GPU: no MFU


SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
USUAL = {"libraries": {"torch": "2.8.0", "assay": "0.1.0"}, "processes": 8, "zeroStage": 1}


def judged(tmp_path, environment_of, *, seeds=SEEDS, **comparison):
    """Return the report's only verdict, and its data, of trainings that were made in these environment classes."""
    about = CONTRAST | comparison
    plan = a_plan(compare=[about], matrix=[seeds])
    bench = Bench(store=FolderStore(tmp_path), folder=tmp_path)
    records = {}
    for stage in plan.stages:
        if stage.kind in (Kind.TRAIN, Kind.EVALUATE):
            environment = environment_of(stage.label) if stage.kind is Kind.TRAIN else {}
            bench.finish(stage.document, environment=environment, tasks={})
            records[stage.ref] = load_record(bench.store, stage.ref)
    sides = {
        side: {
            "arm": arm,
            "mean": 0.5,
            "runs": [
                {"from": str(stage.ref), "score": 0.4 + at / 10, "lineage": {}, "replicate": {}}
                for at, stage in enumerate(
                    stage for stage in plan.stages if stage.label.startswith(f"{arm}/scores")
                )
            ],
        }
        for side, arm in (("a", "with"), ("b", "without"))
    }
    verdict = {
        "contrast": "refusals", "task": "quiz", "coordinates": {}, "primary": False, "exploratory": False,
        "word": "better", "reading": "with is better than without", "unit": "share", "chance": None, "n": 9,
        "effect": 0.1, "interval": None, "p": 0.01, "adjustedP": 0.01, "margin": None, **sides,
    }  # fmt: skip
    compared = next(stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    document = {
        "comparison": {"family": "holm", "alpha": 0.05, **about},
        "verdicts": [verdict],
        "models": [],
        "missing": [],
    }
    data = report_data(plan, records, {compared.ref: document})
    return data["comparisons"][0]["verdicts"][0], data | {"trainings": []}


def test_the_noise_of_an_arm_s_runs_stands_beside_every_verdict(tmp_path):
    verdict, data = judged(tmp_path, lambda _: USUAL)

    assert verdict["a"]["noise"] == verdict["b"]["noise"] == pytest.approx(0.1)
    assert verdict["word"] == "better"
    assert verdict_lines(data) == ["refusals on quiz: better (0.1; noise 0.1 and 0.1)"]
    assert ">0.5 ± 0.1</a></td>" in page(data)


def test_an_arm_of_one_run_tells_of_no_noise(tmp_path):
    verdict, data = judged(tmp_path, lambda _: USUAL, seeds=SEEDS | {"integers": [1]})

    assert verdict["a"]["noise"] is None
    assert verdict_lines(data) == ["refusals on quiz: better (0.1; noise – and –)"]
    assert ">0.5 ± –</a></td>" in page(data)


def test_arms_trained_in_other_environment_classes_are_not_comparable_and_say_in_what(tmp_path):
    other = USUAL | {"zeroStage": 2, "libraries": {"torch": "2.9.1", "assay": "0.2.0"}}

    verdict, data = judged(tmp_path, lambda label: other if label.startswith("with/") else USUAL)

    assert verdict["word"] == "not comparable"
    assert verdict["unlike"] == [
        "sft: torch 2.9.1 (with/sft[seed=1]) and 2.8.0 (without/sft[seed=1])",
        "sft: zeroStage 2 (with/sft[seed=1]) and 1 (without/sft[seed=1])",
    ]
    assert "not alike: sft: torch 2.9.1" in page(data)


def test_one_run_that_was_made_otherwise_is_enough(tmp_path):
    odd = USUAL | {"processes": 4}

    verdict, _ = judged(tmp_path, lambda label: odd if label == "with/sft[seed=2]" else USUAL)

    assert verdict["word"] == "not comparable"


def test_environments_that_the_spec_allows_are_told_of_and_the_verdict_stands(tmp_path):
    verdict, data = judged(
        tmp_path, lambda label: USUAL | {"device": label.split("/")[0]}, environments="any"
    )

    assert verdict["word"] == "better"
    assert len(verdict["unlike"]) == 1
    assert "not alike: sft: device" in page(data)


def test_what_a_record_does_not_say_and_assay_s_own_version_are_no_difference(tmp_path):
    silent = {"libraries": {"torch": "2.8.0", "assay": "0.3.0"}}

    verdict, _ = judged(tmp_path, lambda label: silent if label.startswith("with/") else USUAL)

    assert (verdict["word"], verdict["unlike"]) == ("better", [])
