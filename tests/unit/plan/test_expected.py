"""What a plan is expected to take of GPUs, by hand; what nobody can know is unknown."""

from dataclasses import replace

import pytest

from assay.artifacts.documents import Location, SourceFile
from assay.artifacts.kinds import Kind
from assay.plan.expected import Earlier, Machines, expected_of
from builders import a_pipeline, a_plan

A100 = "NVIDIA-A100-SXM4-80GB"
GPUS = {Kind.CLEAN: 0, Kind.TRAIN: 8, Kind.GENERATE: 1, Kind.EVALUATE: 1, Kind.COMPARE: 0}
MACHINES = Machines(gpus=GPUS, names=dict.fromkeys(Kind, A100))
SEEDS = [{"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2]}]
WEIGHTS = 512 * 32 + (4 * 32 * 32 + 3 * 32 * 96 + 2 * 32) + 32  # of the pipeline's tiny llama


def sized(plan, size=4_000_000, name="chats.jsonl"):
    """Return the plan with files of so many bytes behind its sources."""
    file = SourceFile(uri=f"file:///{name}", path=name, size=size, identity="sha256:0")
    return plan.model_copy(
        update={
            "locations": {
                identity: Location(uri=place.uri, files=(file,)) for identity, place in plan.locations.items()
            }
        }
    )


def trainings(matrix=(), **changes):
    cleaned, sft, *_ = a_pipeline()
    words = {**sft["train"], "precision": "bf16", **changes}
    return sized(
        a_plan(
            pipeline=[cleaned, {"name": "sft", "train": words}], arms=[{"name": "only"}], matrix=list(matrix)
        )
    )


def of_kind(plan, kind):
    return [stage for stage in plan.stages if stage.kind is kind]


def took(plan, earlier=(), machines=MACHINES):
    """Return what the plan's trainings are expected to take."""
    found = expected_of(plan, machines, {}, earlier)
    return [found[stage.ref] for stage in of_kind(plan, Kind.TRAIN)]


def test_a_training_takes_six_operations_per_weight_and_token_at_a_share_of_the_peak():
    [expected] = took(trainings(epochs=2))

    tokens = 4_000_000 / 4 * 2
    assert expected.gpu_hours == pytest.approx(6 * WEIGHTS * tokens / (0.3 * 312e12) / 3600)
    assert expected.assumed
    assert "2 million tokens, no row dropped" in expected.why


def test_what_holds_no_gpu_is_not_told():
    plan = trainings()
    found = expected_of(plan, MACHINES, {}, ())

    assert set(found) == {stage.ref for stage in of_kind(plan, Kind.TRAIN)}


@pytest.mark.parametrize(
    ("plan", "machines", "why"),
    [
        (trainings(precision="fp32"), MACHINES, "fp32"),
        (trainings(), replace(MACHINES, names=dict.fromkeys(Kind, "")), "names no GPU"),
        (trainings(), replace(MACHINES, names=dict.fromkeys(Kind, "Other")), "peak of Other"),
        (sized(trainings(), name="chats.jsonl.gz"), MACHINES, "chats.jsonl.gz"),
        (sized(trainings(), name="chats.parquet"), MACHINES, "chats.parquet"),
        (trainings(model={"uri": "base"}, tokenizer=None), MACHINES, "config.json"),
    ],
)
def test_what_cannot_be_known_is_unknown_and_says_why(plan, machines, why):
    [expected] = took(plan, machines=machines)

    assert expected.gpu_hours is None
    assert why in expected.why


def test_a_source_whose_size_nobody_knows_gives_no_figure():
    plan = trainings()
    unread = {identity: Location(uri="hf://x", files=()) for identity in plan.locations}
    [expected] = took(plan.model_copy(update={"locations": unread}))

    assert (expected.gpu_hours, "chats" in expected.why) == (None, True)


def test_another_seed_takes_as_many_as_the_first_took():
    plan = trainings(SEEDS)
    first, _ = of_kind(plan, Kind.TRAIN)
    done = Earlier(document=first.document, gpu=A100, gpu_hours=12.5)

    assert [(item.gpu_hours, item.assumed) for item in took(plan, [done])] == [(12.5, False), (12.5, False)]


def test_an_evaluation_is_unknown_until_an_alike_one_is_done():
    plan = sized(a_plan(matrix=SEEDS, arms=[{"name": "only"}]))
    first, second = of_kind(plan, Kind.EVALUATE)
    done = Earlier(document=first.document, gpu=A100, gpu_hours=0.5)

    assert expected_of(plan, MACHINES, {}, ())[second.ref].gpu_hours is None
    assert expected_of(plan, MACHINES, {}, [done])[second.ref].gpu_hours == 0.5


def test_other_data_are_learned_at_the_measured_pace_of_the_same_model():
    other = trainings(epochs=3)
    [before] = of_kind(other, Kind.TRAIN)
    done = Earlier(document=before.document, gpu=A100, gpu_hours=9, pace=1000)
    [expected] = took(trainings(), [done])

    assert expected.gpu_hours == pytest.approx(1_000_000 / 1000 / 3600)
    assert not expected.assumed


def test_what_other_gpus_took_tells_nothing():
    plan = trainings()
    [stage] = of_kind(plan, Kind.TRAIN)
    done = Earlier(document=stage.document, gpu="NVIDIA H100 80GB HBM3", gpu_hours=1)

    assert took(plan, [done])[0].assumed


def test_a_training_for_as_many_steps_as_another_takes_its_tokens():
    cleaned, sft, *_ = a_pipeline()
    words = {**sft["train"], "precision": "bf16"}
    plan = sized(
        a_plan(
            pipeline=[
                cleaned,
                {"name": "sft", "train": {**words, "epochs": 2}},
                {"name": "matched", "train": {**words, "seed": 3, "stepsOf": "sft"}},
            ],
            arms=[{"name": "only"}],
        )
    )
    first, matched = took(plan)

    assert matched.gpu_hours == pytest.approx(first.gpu_hours)
