"""Contrasts between two arms' curves."""

import numpy as np
import pytest


def between(*contrasts, **dose):
    whole = {"axis": "negatives", "task": "positivity", "arms": [], "contrasts": list(contrasts)}
    return {"stage": "sentiment", "dose": whole | dose}


def a_contrast(figure="initialSlope", name="faster", a="much", b="little"):
    return {"name": name, "a": a, "b": b, "figure": figure}


def falling(tau):
    return lambda dose: 0.1 + 0.6 * np.exp(-dose / tau)


def nearing(tau):
    return lambda dose: 1e-4 + 0.2 * np.exp(-dose / tau)


@pytest.fixture
def arms(curve):
    return {
        "little": curve("little", falling(300), distance=nearing(70)),
        "much": curve("much", falling(100), distance=nearing(40)),
    }


def test_initial_slopes_of_two_arms_are_held_against_each_other(asked, arms):
    (told,) = asked(between(a_contrast()), arms)["verdicts"]

    steep = [(falling(tau)(100) - 0.7) / 100 for tau in (100, 300)]
    assert (told["contrast"], told["word"]) == ("faster", "lower")
    assert told["effect"] == pytest.approx(steep[0] - steep[1], rel=0.02)
    assert told["interval"]["low"] < told["effect"] < told["interval"]["high"] < 0
    assert told["task"] == "initial slope of positivity by negatives"
    assert told["unit"] == "share by negatives"


def test_the_figure_of_each_run_names_every_artifact_of_its_curve(asked, arms):
    (told,) = asked(between(a_contrast()), arms)["verdicts"]

    run = told["a"]["runs"][0]
    assert run["curve"] == [one["stages"]["sentiment"] for one in arms["much"][:4]]
    assert run["from"] == run["curve"][-1]
    assert run["replicate"] == {"seed": "1"}
    assert told["a"]["mean"] == pytest.approx(np.mean([one["score"] for one in told["a"]["runs"]]))


def test_half_lives_and_least_near_doses_are_compared_by_their_logarithms(asked, arms):
    near = {"task": "kl", "within": 0.01}
    document = asked(between(a_contrast("halfLife"), a_contrast("nearest", "sooner"), nearest=near), arms)
    halves, sooner = document["verdicts"]
    curves = {told["arm"]: told for told in document["curves"]}

    ratio = curves["much"]["halfLife"]["value"] / curves["little"]["halfLife"]["value"]
    assert (halves["word"], halves["effect"]) == ("lower", pytest.approx(np.log(ratio)))
    ratio = curves["much"]["nearest"]["dose"]["value"] / curves["little"]["nearest"]["dose"]["value"]
    assert (sooner["word"], sooner["effect"]) == ("lower", pytest.approx(np.log(ratio)))
    assert halves["unit"] == sooner["unit"] == "ln negatives"


def test_contrasts_are_a_family_in_which_what_cannot_be_asked_keeps_its_place(asked, curve, arms):
    arms = arms | {"still": curve("still", lambda dose: 0.5 + dose * 1e-9)}
    three = between(
        a_contrast(),
        a_contrast("halfLife", "half", "much", "still"),
        a_contrast("nearest", "near"),
        nearest={"task": "kl", "within": 1e-9},
    )
    document = asked(three, arms)
    (told,) = document["verdicts"]

    assert told["adjustedP"] == pytest.approx(min(1, 3 * told["p"]))
    assert [(one["contrast"], one["reason"]) for one in document["missing"]] == [
        ("half", "still has no half-life: no change is shown"),
        ("near", "much comes within 1e-09 after some dose in 0 of 3 curves"),
    ]


def test_curves_through_the_same_runs_are_not_compared(asked, arms):
    two = between(a_contrast(), a_contrast(name="itself", a="little", b="twin"))
    document = asked(two, arms | {"twin": arms["little"]})
    (told,) = document["verdicts"]

    assert told["adjustedP"] == told["p"]
    assert document["sameRuns"] == [{"contrast": "itself", "a": "little", "b": "twin", "coordinates": {}}]


def test_curves_through_the_same_runs_of_which_one_arm_asked_for_more_are_compared_and_keep_their_place(
    asked, curve, arms
):
    two = between(a_contrast(), a_contrast(name="itself", a="little", b="twin"))
    failed = [{"arm": "twin", **run} for run in curve("failed", falling(300), seeds=(4,))]
    document = asked(two, arms | {"twin": arms["little"]}, failed)
    told, itself = document["verdicts"]

    assert document["sameRuns"] == []
    assert told["adjustedP"] == pytest.approx(2 * told["p"])
    assert (itself["contrast"], itself["word"], itself["effect"]) == ("itself", "inconclusive", 0)


def test_arms_of_the_same_runs_of_which_too_many_failed_for_a_curve_take_no_place(asked, arms, curve):
    two = between(a_contrast(), a_contrast(name="itself", a="one", b="twin"))
    first, *rest = curve("one", falling(300))
    failed = [{"arm": arm, **run} for arm in ("one", "twin") for run in rest]
    document = asked(two, arms | {"one": [first], "twin": [first]}, failed)
    (told,) = document["verdicts"]

    assert told["adjustedP"] == told["p"]
    assert document["sameRuns"] == [{"contrast": "itself", "a": "one", "b": "twin", "coordinates": {}}]
    assert [one for one in document["missing"] if "contrast" in one] == []


def test_an_arm_without_a_curve_is_told_with_the_contrast(asked, arms):
    document = asked(
        between(a_contrast()), {"much": arms["much"], "little": []}, [{"arm": "little", **arms["little"][0]}]
    )

    assert document["verdicts"] == []
    assert "little has no curve" in [one["reason"] for one in document["missing"]]


def test_curves_of_different_doses_have_no_slopes_to_compare(asked, curve, arms):
    shorter = curve("short", falling(100), doses=(0.0, 100.0, 500.0))
    document = asked(between(a_contrast(b="short")), {"much": arms["much"], "short": shorter})

    assert document["verdicts"] == []
    assert "different doses: 0, 100, 200, 1000 and 0, 100, 500" in document["missing"][0]["reason"]


def test_contrasts_are_judged_at_each_point_of_the_other_axes(asked, curve):
    def at(size, runs):
        return [run | {"coordinates": run["coordinates"] | {"size": size}} for run in runs]

    arms = {
        arm: [*at("1b", curve(f"{arm}-1b", falling(tau))), *at("7b", curve(f"{arm}-7b", falling(tau / 2)))]
        for arm, tau in (("little", 300), ("much", 100))
    }
    told = asked(between(a_contrast()), arms)["verdicts"]

    assert [one["coordinates"] for one in told] == [{"size": "1b"}, {"size": "7b"}]
    assert all(one["adjustedP"] == one["p"] for one in told)


def test_on_a_logit_scale_the_log_odds_are_compared(asked, curve):
    arms = {
        arm: curve(arm, lambda dose, tau=tau: 0.2 + 0.8 * falling(tau)(dose))
        for arm, tau in (("little", 300), ("much", 100))
    }
    (plain,) = asked(between(a_contrast()), arms)["verdicts"]
    (logit,) = asked(between(a_contrast(), scale="logit"), arms)["verdicts"]

    assert logit["unit"] == "logit of share by negatives"
    assert logit["effect"] < plain["effect"] < 0
