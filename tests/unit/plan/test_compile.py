"""One stage per fingerprint, whatever the names, the order and the place."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.artifacts.documents import StageDocument
from assay.artifacts.kinds import Kind
from assay.errors import SpecError
from assay.plan.plan import Plan
from builders import a_pipeline, a_plan, an_experiment

SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}


def refs(plan):
    return {stage.ref for stage in plan.stages}


def ref_of(plan, label):
    return next(stage.ref for stage in plan.stages for member in stage.members if member.label == label)


def test_arms_share_every_stage_that_does_not_differ():
    plan = a_plan(matrix=[SEEDS])

    assert sum(stage.kind is Kind.CLEAN for stage in plan.stages) == 2
    assert sum(stage.kind is Kind.TRAIN for stage in plan.stages) == 6


def test_no_stage_precedes_what_it_reads():
    seen = set()
    for stage in a_plan(matrix=[SEEDS], compare=[CONTRAST]).stages:
        assert set(stage.reads) <= seen
        seen.add(stage.ref)


@given(st.randoms(use_true_random=False))
def test_the_order_of_arms_and_of_the_pipeline_does_not_matter(order: random.Random):
    experiment = an_experiment(matrix=[SEEDS])
    spec = experiment.model_dump(mode="json", by_alias=True, exclude_unset=True)["spec"]
    order.shuffle(spec["arms"])
    order.shuffle(spec["pipeline"])

    assert refs(a_plan(**spec)) == refs(a_plan(experiment))


def test_the_name_and_place_of_a_source_file_do_not_matter_but_its_content_does():
    moved = a_pipeline()
    moved[0]["clean"]["sources"][0]["uri"] = "elsewhere/renamed.jsonl"

    same = a_plan(pipeline=moved, contents={"elsewhere/renamed.jsonl": "text", "chats.jsonl": "text"})

    assert refs(same) == refs(a_plan(contents={"chats.jsonl": "text"}))
    assert not refs(same) & refs(a_plan(contents={"chats.jsonl": "other text"}))


def test_execution_does_not_matter():
    assert refs(a_plan(execution={"train": {"zeroStage": 3, "microBatch": 1}, "parallel": 4})) == refs(
        a_plan()
    )


def test_a_default_written_out_is_the_default():
    pipeline = a_pipeline()
    pipeline[1]["train"]["objective"] = "sft"
    pipeline[1]["train"]["schedule"] = {"decay": "constant"}

    assert refs(a_plan(pipeline=pipeline)) == refs(a_plan())


def test_a_changed_field_changes_its_stage_and_all_that_read_it_and_nothing_else():
    pipeline = a_pipeline()
    pipeline[1]["train"]["batchSize"] = 16
    before, after = a_plan(), a_plan(pipeline=pipeline)

    kinds = {stage.kind for stage in after.stages if stage.ref not in refs(before)}

    assert kinds == {Kind.TRAIN, Kind.GENERATE, Kind.EVALUATE}


def test_a_reference_to_another_arm_is_at_the_same_coordinates():
    steps = [{"name": "refusals", "remove": True}, {"subsample": {"like": "without/cleaned"}}]
    arm = {
        "name": "sized",
        "stages": [
            {"name": "cleaned", "clean": {"steps": steps}},
            {"name": "sft", "train": {"stepsOf": "without/sft"}},
        ],
    }
    plan = a_plan(arms=[{"name": "without"}, arm], matrix=[SEEDS])

    sized = plan.by_ref[ref_of(plan, "sized/sft[seed=2]")]

    assert set(sized.reads) == {ref_of(plan, "sized/cleaned[seed=2]"), ref_of(plan, "without/sft[seed=2]")}


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (
            [{"name": "a", "stages": [{"name": "sft", "train": {"data": {"from": "claened"}}}]}],
            "'claened'.*Did you mean `cleaned`",
        ),
        ([{"name": "a", "stages": [{"name": "sft", "train": {"data": {"from": "b/cleaned"}}}]}], "arm 'b'"),
        (
            [{"name": "a", "stages": [{"name": "sft", "train": {"data": {"from": "sft"}}}]}],
            "a train stage, expected a clean, generate or program stage",
        ),
        (
            [{"name": "a", "stages": [{"name": "sft", "train": {"model": {"from": "sft"}}}]}],
            "circle a/sft → a/sft",
        ),
        (
            [
                {
                    "name": "a",
                    "stages": [{"name": "sft", "train": {"data": {"from": "cleaned", "split": "heldOut"}}}],
                }
            ],
            "split 'heldOut'",
        ),
        (
            [
                {
                    "name": "a",
                    "stages": [
                        {
                            "name": "scores",
                            "evaluate": {"model": {"from": "sft", "checkpoint": {"epoch": 0.5}}},
                        }
                    ],
                }
            ],
            "does not keep it",
        ),
    ],
)
def test_a_reference_that_cannot_hold_is_refused(arms, message):
    with pytest.raises(SpecError, match=message):
        a_plan(arms=arms)


def test_a_checkpoint_that_is_kept_can_be_referred_to():
    stages = [
        {"name": "sft", "train": {"checkpoints": {"everyEpochs": 0.5}}},
        {"name": "scores", "evaluate": {"model": {"from": "sft", "checkpoint": {"epoch": 0.5}}}},
    ]

    assert a_plan(arms=[{"name": "a", "stages": stages}])


def test_a_comparison_reads_every_run_of_its_arms():
    plan = a_plan(matrix=[SEEDS], compare=[CONTRAST])
    compare = plan.stages[-1]

    assert compare.kind is Kind.COMPARE
    assert len(compare.reads) == 6
    assert compare.document.spec["arms"][0]["runs"][0]["replicate"] == {"seed": "1"}


def test_a_plan_survives_being_written_and_read():
    plan = a_plan(matrix=[SEEDS], compare=[CONTRAST])

    again = Plan.decode(plan.encode())

    assert again.digest == plan.digest
    assert [stage.ref for stage in again.stages] == [stage.ref for stage in plan.stages]


def test_a_plans_digest_is_of_what_it_does_and_not_of_where_or_how_much_at_once():
    calm, parallel = (a_plan(execution=execution) for execution in ({}, {"parallel": 2, "retries": 0}))

    assert calm.execution != parallel.execution
    assert calm.digest == parallel.digest
    assert calm.digest != a_plan(matrix=[SEEDS]).digest


def test_a_stage_document_survives_being_written_and_read():
    for stage in a_plan(matrix=[SEEDS], compare=[CONTRAST]).stages:
        assert StageDocument.decode(stage.document.encode()).ref == stage.ref


def test_no_identity_holds_a_name_of_an_arm_a_place_or_a_time():
    for stage in a_plan().stages:
        text = stage.document.encode().decode()
        assert "without" not in text
        assert "chats.jsonl" not in text
        assert str(datetime.now(UTC).year) not in text


def test_a_text_for_people_has_labels_and_short_fingerprints_and_whole_paths():
    plan = a_plan()
    known, strange = plan.stages[0], f"train/{'0' * 64}"
    path = f"file:///store/stages/{known.ref}/record.json"

    assert plan.told(f"needs {known.ref} and {strange}: {path}") == (
        f"needs {known.label} and train/000000000000…: {path}"
    )


def test_a_trends_runs_carry_their_dose():
    rate = {"name": "rate", "role": "dose", "paths": ["sft.train.optimizer.lr"], "numbers": [1e-4, 2e-4]}
    measures = [{"name": "loss", "stage": "sft", "figure": "lastLoss"}]
    trend = {"expression": "loss / 2", "measures": measures, "trend": {"axis": "rate"}}
    plan = a_plan(matrix=[rate], compare=[{"name": "steeper", "derived": trend}])

    (stage,) = (stage for stage in plan.stages if stage.kind is Kind.COMPARE)
    assert [run["dose"] for arm in stage.document.spec["arms"] for run in arm["runs"]] == [1e-4, 2e-4] * len(
        stage.document.spec["arms"]
    )
    assert stage.document.spec["comparison"]["derived"]["trend"] == {"axis": "rate", "scale": "linear"}
