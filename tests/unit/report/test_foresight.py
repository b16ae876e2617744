"""What contrasts could show, before anything runs."""

import pytest

from assay.report.foresight import ASSUMED, foresight
from assay.statistics.power import Design, minimum_detectable_difference
from builders import a_pipeline, a_plan

CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}


def a_study(seeds=3, **compare):
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": list(range(seeds))}
    return a_plan(matrix=[axis] if seeds > 1 else [], compare=[CONTRAST | compare])


def scored(arm, *scores, n=500):
    """One arm's row of an earlier report."""
    task = foresight(a_study(), [])[0]["task"]
    return {
        "arm": arm,
        "stage": "scores",
        "task": task,
        "runs": [{"score": score, "n": n} for score in scores],
    }


def test_the_spread_of_earlier_runs_of_the_same_arms_says_what_will_be_seen():
    (row, *_) = foresight(a_study(), [scored("with", 0.50, 0.52, 0.54), scored("without", 0.5)])

    assert (row["runsA"], row["runsB"], row["items"]) == (3, 3, 500)
    assert row["runSd"] == pytest.approx(0.02)
    assert "earlier runs of the same arms (2 degrees of freedom)" in row["why"]
    design = Design(runs_a=3, runs_b=3, run_sd=0.02, items=500, item_sd=0.05**0.5, residual_sd=0.05**0.5)
    assert row["detectable"] == pytest.approx(minimum_detectable_difference(design, alpha=row["alpha"]))
    assert row["detectable"] > 0.04
    assert row["power"] < 0.1


def test_more_runs_see_smaller_differences():
    earlier = [scored("with", 0.50, 0.52, 0.54)]
    assert foresight(a_study(6), earlier)[0]["detectable"] < foresight(a_study(3), earlier)[0]["detectable"]


def test_a_spread_that_nobody_has_measured_is_assumed_and_it_says_so():
    (row, *_) = foresight(a_study(), [scored("other", 0.5, 0.9)])

    assert row["why"] == ASSUMED
    assert row["runSd"] == pytest.approx((0.01**2 + 0.05 / 500) ** 0.5)


def test_too_few_runs_will_see_nothing():
    (row, *_) = foresight(a_study(1), [])

    assert (row["detectable"], row["power"]) == (None, None)
    assert "fewer than 3 runs" in row["why"]


def test_the_primary_is_tested_at_full_level_and_the_others_share_it():
    task = foresight(a_study(), [])[0]["task"]
    contrasts = [{"name": name, "a": "with", "b": "without"} for name in ("one", "two", "three")]
    rows = foresight(
        a_study(contrasts=contrasts, primary={"contrast": "one", "task": task}), [scored("with", 0.50, 0.52)]
    )

    assert next((row["primary"], row["alpha"]) for row in rows if row["task"] == task) == (True, 0.05)
    assert {row["alpha"] for row in rows if not row["primary"]} == {0.05 / (len(rows) - 1)}


def test_arms_that_are_the_same_runs_have_nothing_to_show_and_leave_the_level_to_the_others():
    arms = [
        {
            "name": "with",
            "stages": [{"name": "cleaned", "clean": {"steps": [{"name": "refusals", "remove": True}]}}],
        },
        {"name": "without"},
        {"name": "twin"},
    ]
    contrasts = [
        {"name": "one", "a": "with", "b": "without"},
        {"name": "none", "a": "twin", "b": "without"},
    ]
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
    plan = a_plan(arms=arms, matrix=[axis], compare=[CONTRAST | {"contrasts": contrasts}])
    one, none = foresight(plan, [])

    assert (none["detectable"], none["why"]) == (
        None,
        "both arms are the same runs: there is nothing to compare",
    )
    assert one["alpha"] == 0.05


def a_study_of(words):
    *before, scores = a_pipeline()
    evaluate = scores["evaluate"] | {"tasks": [{"name": "task", **words}]}
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
    return a_plan(
        pipeline=[*before, {"name": "scores", "evaluate": evaluate}],
        matrix=[axis],
        compare=[CONTRAST],
    )


@pytest.mark.parametrize(
    ("words", "items"),
    [
        ({"instructeval": {"benchmark": "mmlu", "data": "data"}}, 14_042),
        ({"instructeval": {"benchmark": "mmlu", "data": "data", "limit": 5}}, 5 * 57),
        ({"instructeval": {"benchmark": "humaneval", "data": "data", "limit": 500}}, 164),
        ({"harness": {"limit": 10}}, 10),
        ({}, None),
    ],
)
def test_a_task_s_items_are_known_from_the_benchmark_and_its_limit(words, items):
    assert foresight(a_study_of(words), [])[0]["items"] == items


def test_what_an_earlier_run_counted_goes_before_a_limit_that_there_were_too_few_items_for():
    row = {"arm": "with", "stage": "scores", "task": "task at final", "runs": [{"score": 0.5, "n": 70}]}

    assert foresight(a_study_of({"harness": {"limit": 100}}), [row])[0]["items"] == 70


def test_the_spread_of_nats_is_not_known_from_shares():
    plan = a_study_of({"divergence": {"data": {"from": "cleaned"}, "reference": {"from": "sft"}}})
    runs = [{"score": score, "n": 500} for score in (1.0, 1.1, 1.2)]
    row = {"arm": "with", "stage": "scores", "task": "task", "runs": runs}

    assert foresight(plan, [row | {"runs": runs[:1]}])[0]["detectable"] is None
    design = Design(runs_a=3, runs_b=3, run_sd=0.1)
    assert foresight(plan, [row])[0]["detectable"] == pytest.approx(
        minimum_detectable_difference(design, alpha=0.05)
    )
