"""Dose and derived comparisons: a score's curve over doses, and expressions over several stages' figures."""

import numpy as np
import pytest

from assay.artifacts.kinds import Kind
from assay_pipelines.compare.curve import LOGIT, PROBABILITY

ITEMS = 60
DOSES = (0.0, 100.0, 200.0, 1000.0)


def dose_of(*arms):
    return {"stage": "sentiment", "dose": {"axis": "negatives", "task": "positivity", "arms": list(arms)}}


def falling(tau):
    return lambda dose: 0.1 + 0.8 * np.exp(-dose / tau)


def test_a_score_that_falls_with_the_dose_has_a_curve_slopes_and_a_half_life(asked, curve):
    (told,) = asked(dose_of(), {"small": curve("small", falling(100))})["curves"]

    assert [point["dose"] for point in told["points"]] == list(DOSES)
    assert told["points"][0]["mean"] == pytest.approx(0.9, abs=0.03)
    assert (told["word"], told["replicates"], told["n"]) == ("lower", 3, ITEMS)
    assert told["effect"] == pytest.approx(-0.8, abs=5e-3)
    assert told["reading"].startswith(
        "The change of positivity of small from negatives 0 to 1000 is below zero"
    )
    assert told["initialSlope"]["value"] == pytest.approx((falling(100)(100) - 0.9) / 100, rel=0.01)
    assert -told["initialSlope"]["value"] > -told["slope"]["value"] > 0
    # half of the way down, 0.5, lies between 0.9 at 0 and 0.394 at 100
    assert told["halfLife"]["value"] == pytest.approx(100 * 0.4 / (0.9 - falling(100)(100)), rel=0.02)
    assert (
        told["halfLife"]["interval"]["low"]
        <= told["halfLife"]["value"]
        <= told["halfLife"]["interval"]["high"]
    )


def test_a_score_that_no_dose_moves_is_equivalent_and_has_no_half_life(asked, curve):
    (told,) = asked(dose_of(), {"still": curve("still", lambda dose: 0.5 + dose * 1e-9)})["curves"]

    assert (told["word"], told["halfLife"]) == ("equivalent", None)


def test_curves_are_one_family_in_which_an_arm_without_runs_keeps_its_place(asked, curve):
    noisy = curve("one", lambda dose: 0.5 - 0.1 * (dose > 0))
    alone = asked(dose_of("one"), {"one": noisy})
    beside = asked(dose_of("one", "gone"), {"one": noisy, "gone": []})

    assert beside["curves"][0]["adjustedP"] == pytest.approx(min(1, 2 * alone["curves"][0]["p"]))
    (missing,) = beside["missing"]
    assert (missing["arm"], missing["reason"]) == ("gone", "no run of gone has finished")


def test_a_curve_of_which_every_run_failed_is_told_once_and_keeps_its_place(asked, curve):
    sizes = {
        size: [run | {"coordinates": run["coordinates"] | {"size": size}} for run in curve(size, share)]
        for size, share in (("1b", lambda dose: 0.5 - 0.1 * (dose > 0)), ("7b", falling(100)))
    }
    lost = [{"arm": "one", **run} for run in sizes["7b"]]
    document = asked(
        dose_of(), {"one": sizes["1b"], "gone": []}, [*lost, *(run | {"arm": "gone"} for run in lost)]
    )

    (told,) = document["curves"]
    assert told["adjustedP"] == pytest.approx(min(1, 3 * told["p"]))
    assert [
        (one["arm"], one["coordinates"], one["reason"]) for one in document["missing"] if "stages" not in one
    ] == [
        ("gone", {"size": "7b"}, "no run of gone has finished"),
        ("one", {"size": "7b"}, "no run of one has finished"),
    ]


def test_a_curve_of_which_some_runs_failed_is_counted_once(asked, curve):
    runs = curve("one", falling(100), seeds=(1, 2, 3, 4))
    (told,) = asked(dose_of(), {"one": runs[:-1]}, [{"arm": "one", **runs[-1]}])["curves"]

    assert told["adjustedP"] == told["p"]


def test_a_replicate_that_lacks_a_dose_is_in_the_points_and_not_in_the_slopes(asked, curve):
    runs = curve("one", falling(100), seeds=(1, 2, 3, 4))
    lost = [run for run in runs if (run["replicate"], run["dose"]) != ({"seed": "4"}, 1000.0)]
    (told,) = asked(dose_of(), {"one": lost})["curves"]

    assert [len(point["runs"]) for point in told["points"]] == [4, 4, 4, 3]
    assert told["replicates"] == len(told["slope"]["runs"]) == 3


def test_a_model_that_every_seed_begins_with_is_every_curves_first_point(asked, curve):
    runs = curve("one", falling(100))
    base = runs[0] | {"replicate": {}}
    (told,) = asked(dose_of(), {"one": [base, *(run for run in runs if run["dose"] > 0)]})["curves"]

    assert told["replicates"] == 3
    assert len(told["points"][0]["runs"]) == 1


def test_one_dose_is_no_curve(asked, curve):
    document = asked(dose_of(), {"one": curve("one", falling(100), doses=(100.0,))})

    assert document["curves"] == []
    assert document["missing"][0]["reason"] == "runs at one dose only have finished, 100"


def test_a_curve_that_falls_ever_more_slowly_is_fitted_and_says_how_much_steeper_it_begins(asked, curve):
    (told,) = asked(dose_of(), {"one": curve("one", falling(100))})["curves"]

    fit = told["fit"]
    assert fit["tau"]["value"] == pytest.approx(100, rel=0.05)
    assert fit["tau"]["interval"]["low"] < fit["tau"]["value"] < fit["tau"]["interval"]["high"]
    assert (fit["start"]["value"], fit["end"]["value"]) == pytest.approx((0.9, 0.1), abs=0.03)
    early, later = (falling(100)(100) - 0.9) / 100, (falling(100)(1000) - falling(100)(100)) / 900
    assert told["ratio"]["value"] == pytest.approx(early / later, rel=0.05)


def test_a_curve_that_no_exponential_follows_says_so(asked, curve):
    (line,) = asked(dose_of(), {"line": curve("line", lambda dose: 0.8 - dose / 2000)})["curves"]
    (still,) = asked(dose_of(), {"still": curve("still", lambda dose: 0.5 + dose * 1e-9)})["curves"]
    (turns,) = asked(
        dose_of(), {"turns": curve("turns", lambda dose: 0.9 - 0.4 * (dose == 100) - dose / 5000)}
    )["curves"]

    assert line["fit"]["reason"].startswith("curve 1 of 3: it goes straight")
    assert still["fit"] == {"reason": "no change is shown"}
    assert turns["ratio"] is None


def test_the_declared_scale_is_judged_and_the_other_stands_beside_it(asked, curve):
    arms = {"one": curve("one", lambda dose: 0.7 if dose < 1000 else 0.2)}
    asked_of = dose_of()
    (plain,) = asked(asked_of, arms)["curves"]
    (logit,) = asked({**asked_of, "dose": asked_of["dose"] | {"scale": "logit"}}, arms)["curves"]

    assert (plain["scale"], plain["otherScale"]["scale"], plain["unit"]) == (PROBABILITY, LOGIT, "share")
    assert (logit["scale"], logit["otherScale"]["scale"], logit["unit"]) == (
        LOGIT,
        PROBABILITY,
        "logit of share",
    )
    assert logit["effect"] == pytest.approx(np.log(0.2 / 0.8) - np.log(0.7 / 0.3), abs=0.1)
    assert logit["effect"] == pytest.approx(plain["otherScale"]["change"]["value"])
    assert plain["effect"] == pytest.approx(logit["otherScale"]["change"]["value"])
    assert logit["points"] == plain["points"]  # in the task's unit
    assert logit["reading"].startswith("The change of the log-odds of positivity of one")


def test_a_score_that_is_no_share_has_no_log_odds(asked, curve):
    asked_of, arms = dose_of(), {"one": curve("one", falling(100), unit="bits per byte")}
    document = asked({**asked_of, "dose": asked_of["dose"] | {"scale": "logit"}}, arms)

    assert asked(asked_of, arms)["curves"][0]["otherScale"] is None
    assert document["curves"] == []
    assert "bits per byte, are no shares" in document["missing"][0]["reason"]


def near(**dose):
    whole = dose_of()
    return {**whole, "dose": whole["dose"] | {"nearest": {"task": "kl", "within": 0.01}} | dose}


def test_the_least_dose_that_is_near_is_the_replicates_geometric_mean(asked, curve):
    arms = {"one": curve("one", falling(100), distance=lambda dose: 1e-4 + 0.2 * np.exp(-dose / 50))}
    (told,) = asked(near(), arms)["curves"]

    found = told["nearest"]
    assert (found["reached"], found["of"], found["unit"]) == (3, 3, "nats per token")
    assert 100 < found["dose"]["value"] < 200
    assert found["dose"]["value"] == pytest.approx(np.prod(found["runs"]) ** (1 / 3))
    assert found["dose"]["interval"]["low"] < found["dose"]["value"] < found["dose"]["interval"]["high"]
    assert found["least"]["dose"] == 1000


def test_a_distance_that_some_replicate_never_closes_is_counted_and_has_no_mean(asked, curve):
    # replicates are 5, 10 and 15 % further away: the first alone comes within 0.01
    arms = {"one": curve("one", falling(100), distance=lambda dose: 0.0094 + 0.1 * abs(dose - 200) / 1000)}
    (told,) = asked(near(), arms)["curves"]

    found = told["nearest"]
    assert (found["reached"], found["of"], found["dose"]) == (1, 3, None)
    assert found["runs"] == [pytest.approx(200, rel=0.05), None, None]
    assert found["least"] == {"dose": 200, "distance": pytest.approx(0.0094 * 1.1)}


def test_a_curve_that_begins_near_has_no_dose_to_take_the_mean_of(asked, curve):
    arms = {"one": curve("one", falling(100), distance=lambda dose: 0.001 + dose)}
    (told,) = asked(near(), arms)["curves"]

    assert (told["nearest"]["reached"], told["nearest"]["dose"]) == (3, None)
    assert told["nearest"]["runs"] == [0, 0, 0]


def test_a_distance_that_was_not_measured_is_told(asked, curve):
    (told,) = asked(near(nearest={"task": "gone", "within": 0.01}), {"one": curve("one", falling(100))})[
        "curves"
    ]

    assert "no outcomes of task gone" in told["nearest"]["reason"]


RESISTANCE = {
    "expression": "forward - inverse",
    "measures": [
        {"name": "forward", "stage": "forward-12", "figure": "trainingLoss"},
        {"name": "inverse", "stage": "inverse-12", "figure": "bits"},
    ],
}


def test_an_expression_is_computed_for_every_run_and_judged_over_replicates(asked, resisting):
    runs = resisting("alpaca", (2.50, 2.0), (2.62, 2.1), (2.55, 2.05))
    (told,) = asked({"derived": RESISTANCE}, {"alpaca": runs})["derived"]

    assert [run["value"] for run in told["runs"]] == pytest.approx([0.5, 0.52, 0.5])
    assert told["runs"][0]["figures"]["forward"] == {
        "value": 2.5,
        "from": runs[0]["stages"]["forward-12"],
    }
    assert (told["word"], told["effect"]) == ("higher", pytest.approx(1.52 / 3))
    # scipy 1.17: ttest_1samp([0.5, 0.52, 0.5], 0).confidence_interval()
    assert (told["interval"]["low"], told["interval"]["high"]) == pytest.approx((0.47798, 0.53535), abs=1e-5)
    assert told["reading"].startswith("Forward - inverse of alpaca is above zero: 0.5067")


def test_two_runs_are_too_few_to_put_an_expression_on_a_side_of_zero(asked, resisting):
    (told,) = asked({"derived": RESISTANCE}, {"alpaca": resisting("alpaca", (2.5, 2.0), (2.6, 2.1))})[
        "derived"
    ]

    assert told["word"] == "inconclusive"
    assert "there are 2 runs, and a verdict about data needs at least 3" in told["reading"]


def test_an_expression_has_an_answer_for_each_arm_corrected_for_their_number(asked, resisting):
    losses = ((2.5, 2.0), (2.6, 2.0), (2.4, 2.1))
    told = asked(
        {"derived": RESISTANCE}, {arm: resisting(arm, *losses) for arm in ("alpaca", "beavertails")}
    )["derived"]

    assert [one["arm"] for one in told] == ["alpaca", "beavertails"]
    assert told[0]["adjustedP"] == pytest.approx(2 * told[0]["p"])


def test_an_expression_of_an_arm_that_failed_or_divides_by_zero_keeps_its_place(asked, resisting):
    quotient = {"derived": RESISTANCE | {"expression": "forward / inverse"}}
    losses = ((2.5, 2.0), (2.6, 2.0), (2.4, 2.1))
    arms = {
        "alpaca": resisting("alpaca", *losses, (2.5, 0.0)),
        "zero": resisting("zero", (2.5, 0.0), (2.6, 0.0)),
    }
    lost = [{"arm": "gone", **run} for run in resisting("gone", *losses)]
    lost += [{"arm": "alpaca", **run} for run in resisting("lost", (2.5, 2.0))]
    (told,) = asked(quotient, arms | {"gone": []}, lost)["derived"]

    assert told["arm"] == "alpaca"
    assert told["adjustedP"] == pytest.approx(3 * told["p"])


def test_a_divisor_of_zero_is_told_and_the_other_runs_still_count(asked, resisting):
    quotient = RESISTANCE | {"expression": "forward / inverse"}
    runs = resisting("alpaca", (2.5, 2.0), (2.6, 0.0), (2.4, 2.1))
    document = asked({"derived": quotient}, {"alpaca": runs})

    assert document["missing"][0]["reason"] == "its divisor is 0"
    assert len(document["derived"][0]["runs"]) == 2


def test_the_loss_of_the_last_step_is_a_figure_too(asked, bench):
    losses = ((2.5, 2.4), (2.6, 2.3), (2.4, 2.3))
    runs = [
        {
            "coordinates": {},
            "replicate": {"seed": str(seed)},
            "stages": {"sft": bench.done(Kind.TRAIN, {"seed": seed}, trainingLoss=mean, lastLoss=last)},
        }
        for seed, (mean, last) in enumerate(losses)
    ]
    measures = [
        {"name": "mean", "stage": "sft", "figure": "trainingLoss"},
        {"name": "last", "stage": "sft", "figure": "lastLoss"},
    ]
    (told,) = asked({"derived": {"expression": "mean - last", "measures": measures}}, {"one": runs})[
        "derived"
    ]

    assert [run["value"] for run in told["runs"]] == pytest.approx([0.1, 0.3, 0.1])
