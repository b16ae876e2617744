"""In which fields of resolved stages two arms differ."""

import pytest

from assay.plan.between import Arms
from assay.plan.explain import ABSENT, short, told
from builders import a_plan

REMOVED = {"name": "cleaned", "clean": {"steps": [{"name": "refusals", "remove": True}]}}
SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}


def fields_of(*stages, matrix=()):
    """Return the fields in which an arm of these words differs from the pipeline's own."""
    plan = a_plan(arms=[{"name": "plain"}, {"name": "other", "stages": list(stages)}], matrix=list(matrix))
    return {field.path: (field.a, field.b) for field in Arms(plan).fields("other", "plain")}


def test_a_step_that_one_arm_lacks_is_the_only_difference_and_what_follows_from_it_is_none():
    found = fields_of(REMOVED)

    refusals = {"name": "refusals", "refusals": {"level": "medium", "scope": "chat"}}
    assert found == {"cleaned.clean.steps.refusals": ((ABSENT,), (refusals,))}


def test_a_field_is_named_with_both_values():
    found = fields_of({"name": "sft", "train": {"optimizer": {"lr": 0.5}}})

    assert found == {"sft.train.optimizer.lr": ((0.5,), (0.001,))}


def test_a_value_that_is_the_default_is_no_difference():
    assert (
        fields_of(
            {"name": "cleaned", "clean": {"steps": [{"name": "refusals", "refusals": {"scope": "chat"}}]}}
        )
        == {}
    )


def test_a_step_that_is_put_in_between_is_no_other_order():
    late = {"name": "late", "shortInput": {}, "before": "refusals"}

    assert list(fields_of({"name": "cleaned", "clean": {"steps": [late]}})) == ["cleaned.clean.steps.late"]


def test_the_same_steps_in_another_order_differ_in_their_order():
    plan = a_plan(
        arms=[
            {"name": name, "stages": [{"name": "cleaned", "clean": {"steps": [
                {"name": "one", "shortInput": {}, "before": "refusals"},
                {"name": "two", "lowAverage": {}, "before": before},
            ]}}]}
            for name, before in (("plain", "one"), ("other", "refusals"))
        ]
    )  # fmt: skip

    (field,) = Arms(plan).fields("other", "plain")

    assert field.path == "cleaned.clean.steps.(order)"


def test_a_stage_that_one_arm_lacks_is_named_with_its_kind():
    found = fields_of(
        {"name": "answers", "remove": True},
        {
            "name": "scores",
            "evaluate": {"tasks": [{"name": "refusals", "remove": True}, {"name": "quiz", "harness": {}}]},
        },
    )

    assert found["answers"] == ((ABSENT,), ("generate",))


def test_another_arms_stage_goes_by_that_arms_name():
    like = {"name": "cleaned", "clean": {"steps": [{"subsample": {"like": "plain/cleaned", "seed": 1}}]}}

    ((path, (values, _)),) = fields_of(like).items()

    assert path == "cleaned.clean.steps.subsample"
    assert values[0]["subsample"]["like"] == "plain/cleaned"


def test_data_from_another_stage_of_the_same_pipeline_is_a_difference():
    plan = a_plan(
        pipeline=[
            *(
                {
                    "name": name,
                    "clean": {"sources": [{"name": "chats", "uri": f"{name}.jsonl", "format": "sharegpt"}]},
                }
                for name in ("one", "two")
            ),
            {
                "name": "sft",
                "train": {
                    "data": {"from": "one"},
                    "model": {"llama": {"hiddenSize": 32, "layers": 1, "heads": 2}},
                    "tokenizer": {"train": {"vocabulary": 512}},
                    "batchSize": 8,
                    "optimizer": {"lr": 0.001},
                    "sequenceLength": 64,
                },
            },
        ],
        arms=[
            {"name": "plain"},
            {"name": "other", "stages": [{"name": "sft", "train": {"data": {"from": "two"}}}]},
        ],
    )

    (field,) = Arms(plan).fields("other", "plain")

    assert (field.path, field.a, field.b) == ("sft.train.data.from", ("two",), ("one",))


def test_runs_at_the_same_point_of_the_matrix_are_held_together():
    assert list(fields_of(REMOVED, matrix=[SEEDS])) == ["cleaned.clean.steps.refusals"]


def test_arms_that_share_no_point_are_held_together_run_by_run():
    plan = a_plan(
        arms=[{"name": "plain"}, {"name": "other", "matrix": [{"name": "seed", "integers": [7, 8, 9]}]}],
        matrix=[SEEDS],
    )

    (field,) = Arms(plan).fields("other", "plain")

    assert (field.path, field.a, field.b) == ("sft.train.seed", (7, 8, 9), (1, 2, 3))


def test_every_contrast_is_a_pair_and_an_arm_of_none_is_held_against_the_first():
    contrast = {"name": "effect", "a": "with", "b": "without"}
    plan = a_plan(
        arms=[
            {"name": "without"},
            {"name": "with", "stages": [REMOVED]},
            {"name": "odd", "stages": [REMOVED]},
        ],
        compare=[{"name": "study", "stage": "scores", "contrasts": [contrast]}],
    )

    assert Arms(plan).pairs() == [("with", "without"), ("odd", "without")]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, "true"),
        (None, "null"),
        (2.0, "2"),
        (20000, "20000"),
        (1e-05, "1e-05"),
        ("medium", "medium"),
        ("sha256:" + "0" * 64, "sha256:000000000000…"),
        ({"b": ["x", 1.5], "a": False}, '{"a": false, "b": ["x", 1.5]}'),
    ],
)
def test_a_value_is_written_for_people_as_a_spec_says_it(value, written):
    assert told(value) == short(value) == written


def test_a_long_value_is_cut_only_where_few_words_are_asked_for():
    assert told("word " * 40) == "word " * 40
    assert short("word " * 40) == ("word " * 40)[:57] + "…"
