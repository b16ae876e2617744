"""Two plans, arms or stages held against each other."""

import pytest

from assay.errors import SpecError
from assay.plan.diff import arms_diff, plans_diff, stages_diff
from builders import a_pipeline, a_plan

SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"]}


def told(diff):
    return {
        change.label: ([str(field) for field in change.fields], change.because) for change in diff.changes
    }


def with_vocabulary(size):
    pipeline = a_pipeline()
    pipeline[1]["train"]["tokenizer"]["train"]["vocabulary"] = size
    return pipeline


def labelled(plan, label):
    return next(stage for stage in plan.stages if stage.label == label)


def test_a_changed_field_is_told_once_and_what_follows_is_told_as_following():
    diff = plans_diff(a_plan(), a_plan(pipeline=with_vocabulary(600)))

    assert told(diff)["with/sft"] == (["tokenizer.train.vocabulary: 512 → 600"], ())
    assert told(diff)["with/answers"] == ([], ("sft",))
    assert told(diff)["with/scores"] == ([], ("sft", "answers"))
    assert (diff.only_before, diff.only_after, diff.same) == ((), (), 2)


def test_the_same_plan_differs_in_nothing():
    diff = plans_diff(a_plan(), a_plan())

    assert (diff.changes, diff.same) == ((), 8)


def test_another_content_of_a_file_is_a_change_of_the_stage_that_reads_it():
    diff = plans_diff(a_plan(), a_plan(contents={"chats.jsonl": "other"}))

    ((field,), because) = told(diff)["with/cleaned"]
    assert field.startswith("sources.chats.uri: chats.jsonl (sha256:")
    assert because == ()


def test_an_arm_that_was_renamed_is_the_same_work():
    without = {"name": "renamed"}

    diff = plans_diff(a_plan(arms=[{"name": "without"}]), a_plan(arms=[without]))

    assert (diff.changes, diff.only_before, diff.only_after, diff.same) == ((), (), (), 4)


def test_a_run_more_is_only_on_its_side():
    few, many = (
        a_plan(arms=[{"name": "one"}], matrix=[SEEDS | {"integers": seeds}]) for seeds in ([1], [1, 2])
    )

    diff = plans_diff(few, many)

    assert diff.changes == ()
    assert diff.only_after == ("one/sft[seed=2]", "one/answers[seed=2]", "one/scores[seed=2]")
    assert plans_diff(many, few).only_before == diff.only_after


def test_runs_of_other_seeds_are_paired_in_order():
    plans = [
        a_plan(arms=[{"name": "one"}], matrix=[SEEDS | {"integers": seeds}]) for seeds in ([1, 2], [2, 3])
    ]

    diff = plans_diff(*plans)

    assert told(diff)["one/sft[seed=1] → one/sft[seed=3]"] == (["seed: 1 → 3"], ())
    assert (diff.only_before, diff.only_after) == ((), ())


def test_two_arms_differ_where_one_says_something_else():
    diff = arms_diff(a_plan(), "with", "without")

    ((field,), because) = told(diff)["with/cleaned → without/cleaned"]
    assert field.startswith("steps.refusals: absent → ")
    assert because == ()
    assert told(diff)["with/sft → without/sft"] == ([], ("cleaned",))


def test_an_arm_without_an_axis_is_held_against_every_run_along_it():
    less = {"name": "less", "stages": [{"name": "sft", "train": {"optimizer": {"lr": 0.5}}}]}
    sizes = {"name": "size", "role": "factor", "paths": ["sft.train.batchSize"], "integers": [4, 16]}
    plan = a_plan(arms=[less, {"name": "sized", "matrix": [sizes]}], matrix=[SEEDS | {"integers": [1, 2]}])

    diff = arms_diff(plan, "less", "sized")

    assert told(diff)["less/sft[seed=1] → sized/sft[seed=1,size=4]"] == (
        ["batchSize: 8 → 4", "optimizer.lr: 0.5 → 0.001"],
        (),
    )
    trained = {label for label in told(diff) if "/sft" in label}
    assert len(trained) == 4
    assert (diff.only_before, diff.only_after) == ((), ())


def test_a_run_of_one_arm_alone_is_only_on_its_side():
    few = {"name": "few", "matrix": [SEEDS | {"integers": [1]}]}
    many = {"name": "many", "matrix": [SEEDS | {"integers": [1, 2]}]}

    diff = arms_diff(a_plan(arms=[few, many]), "few", "many")

    assert (diff.changes, diff.only_before) == ((), ())
    assert diff.only_after == ("sft[seed=2]", "answers[seed=2]", "scores[seed=2]")


def sampled(name, **more):
    return {
        "name": name,
        "stages": [{"name": "cleaned", "clean": {"steps": [{"subsample": {"share": 0.5, **more}}]}}],
    }


def test_a_field_that_is_called_order_is_told_like_any_other():
    plan = a_plan(arms=[sampled("whole"), sampled("first", order="training")])

    ((field,), _) = told(arms_diff(plan, "whole", "first"))["whole/cleaned → first/cleaned"]

    assert field == "steps.subsample.subsample.order: absent → training"


def test_the_order_of_steps_is_told_only_where_shared_ones_stand_otherwise():
    def put(name, *steps):
        return {"name": name, "stages": [{"name": "cleaned", "clean": {"steps": list(steps)}}]}

    one, late = {"name": "one", "shortInput": {}}, {"name": "two", "shortInput": {}}
    plan = a_plan(
        arms=[
            put("plain", one),
            put("more", one, late | {"before": "one"}),
            put("other", one | {"before": "refusals"}),
        ]
    )

    ((more,), _) = told(arms_diff(plan, "plain", "more"))["plain/cleaned → more/cleaned"]
    ((other,), _) = told(arms_diff(plan, "plain", "other"))["plain/cleaned → other/cleaned"]

    assert more.startswith("steps.two: absent → ")
    assert other.startswith("steps.(order): ")


def test_two_stages_are_followed_to_what_makes_them_differ():
    plan = a_plan()

    diff = stages_diff(plan, labelled(plan, "with/scores"), labelled(plan, "without/scores"))

    assert [change.label for change in diff.changes if change.fields] == ["with/cleaned → without/cleaned"]
    assert len(diff.changes) == 4


def test_a_stage_that_reads_another_one_of_other_name_says_so_itself():
    pipeline = a_pipeline()
    pipeline[2]["generate"]["model"]["from"] = "other"
    other = {"name": "other", "train": {**pipeline[1]["train"], "seed": 7}}
    pipeline = [*pipeline[:2], other, *pipeline[2:]]

    diff = plans_diff(a_plan(), a_plan(pipeline=pipeline))

    assert told(diff)["with/answers"] == (["model.from: with/sft → with/other"], ())
    assert diff.only_after == ("without/other", "with/other")


def test_stages_of_different_kinds_are_not_held_against_each_other():
    plan = a_plan()

    with pytest.raises(SpecError, match="found a train and a clean stage, expected two of one kind"):
        stages_diff(plan, labelled(plan, "with/sft"), labelled(plan, "with/cleaned"))
