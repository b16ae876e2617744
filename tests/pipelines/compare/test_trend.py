"""Derived comparisons that ask how an expression moves with a dose."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from assay.api.compare import Trend
from assay.artifacts.kinds import Kind
from assay.statistics.compression import ideal_elasticity
from assay_pipelines.compare.__main__ import main

RATIOS = (1.0, 2.0, 4.0, 8.0)
ELASTICITY = {
    "expression": "-aligned / pretraining",
    "measures": [
        {"name": "aligned", "stage": "after", "figure": "aligned"},
        {"name": "pretraining", "stage": "after", "figure": "pretraining"},
    ],
}


def trend(**words):
    return {"derived": ELASTICITY | {"trend": {"axis": "k", "scale": "log"} | words}}


@pytest.fixture
def measured(bench):
    """Make an arm's runs: what its alignment's and its pre-training's rates changed by at every ratio, for each seed."""

    def measured(arm, elasticity, *, seeds=(1, 2, 3), ratios=RATIOS):
        runs = []
        for seed in seeds:
            for ratio in ratios:
                scores = {"aligned": 0.1, "pretraining": -0.1 / elasticity(ratio, seed)}
                tasks = {task: {"final": {"score": score}} for task, score in scores.items()}
                ref = bench.done(Kind.EVALUATE, {"arm": arm, "seed": seed, "k": ratio}, tasks=tasks)
                runs.append(
                    {
                        "dose": ratio,
                        "coordinates": {"k": f"{ratio:g}"},
                        "replicate": {"seed": str(seed)},
                        "stages": {"after": ref},
                    }
                )
        return runs

    return measured


def scattered(power, spread=0.05):
    return lambda ratio, seed: ratio**power * np.exp(spread * np.sin(7 * seed + ratio))


def test_a_slope_is_each_runs_and_its_interval_is_over_runs(asked, measured):
    (told,) = asked(trend(), {"one": measured("one", scattered(1.0))})["trends"]

    slopes = [run["value"] for run in told["runs"]]
    by_hand = np.polyfit(np.log(RATIOS), np.log([scattered(1.0)(ratio, 2) for ratio in RATIOS]), 1)[0]
    assert slopes[1] == pytest.approx(by_hand)
    assert told["slope"]["value"] == told["effect"] == pytest.approx(np.mean(slopes))
    theirs = stats.ttest_1samp(slopes, 0).confidence_interval()
    assert (told["slope"]["interval"]["low"], told["slope"]["interval"]["high"]) == pytest.approx(
        tuple(theirs)
    )
    assert told["word"] == "higher"
    assert [point["dose"] for point in told["points"]] == list(RATIOS)
    assert told["points"][3]["mean"] == pytest.approx(8, rel=0.1)
    assert told["points"][0]["runs"][0]["figures"]["aligned"]["value"] == 0.1


def test_a_slope_is_held_against_that_of_the_ideal_mixture(asked, measured):
    arms = {"ideal": measured("ideal", scattered(1.0, 0.01)), "flat": measured("flat", scattered(0.4))}
    flat, ideal = asked({**trend(theory="idealMixture"), "margin": 0.1}, arms)["trends"]

    assert (flat["word"], ideal["word"]) == ("lower", "equivalent")
    assert flat["against"] == pytest.approx(1)
    assert flat["effect"] == pytest.approx(flat["slope"]["value"] - flat["against"])
    assert flat["points"][2]["theory"] == pytest.approx(4, rel=0.01)
    assert "is below 1" in flat["reading"]
    assert f"{flat['slope']['value']:.4g}" in flat["reading"]


def test_an_ideal_mixture_that_is_perturbed_by_much_has_another_slope(asked, measured):
    arms = {"one": measured("one", scattered(1.0, 0.0))}
    (told,) = asked({**trend(theory="idealMixture", perturbation=0.2), "margin": 0.1}, arms)["trends"]

    assert told["against"] == pytest.approx(0.912, abs=5e-4)
    assert told["points"][3]["theory"] == pytest.approx(10.33, abs=5e-3)
    assert told["effect"] == pytest.approx(1 - told["against"])


def test_a_replicate_is_held_against_the_theory_at_its_own_doses(asked, measured):
    def ideal(ratio, seed):
        if (ratio, seed) == (1, 2):
            return -1.0
        return ideal_elasticity(ratio, 0.5) * np.exp(0.001 * np.sin(7 * seed + ratio))

    words = {**trend(theory="idealMixture", perturbation=0.5), "margin": 0.1}
    (told,) = asked(words, {"one": measured("one", ideal)})["trends"]
    whole, without = told["runs"][0]["against"], told["runs"][1]["against"]

    by_hand = [ideal_elasticity(ratio, 0.5) for ratio in RATIOS]
    assert whole == pytest.approx(np.polyfit(np.log(RATIOS), np.log(by_hand), 1)[0])
    assert without == pytest.approx(np.polyfit(np.log(RATIOS[1:]), np.log(by_hand[1:]), 1)[0])
    assert without - whole > 0.01
    assert told["effect"] == pytest.approx(0, abs=0.002)
    assert told["interval"]["high"] - told["interval"]["low"] < 0.01
    assert told["slope"]["value"] - told["against"] == pytest.approx(told["effect"])


def test_a_perturbation_goes_with_a_theory():
    with pytest.raises(ValidationError, match="found perturbation without theory"):
        Trend.model_validate({"axis": "k", "perturbation": 0.2})


def test_on_a_linear_scale_the_slope_is_per_unit_of_dose(asked, measured):
    (told,) = asked(trend(scale="linear"), {"one": measured("one", scattered(1.0, 0.01))})["trends"]

    assert told["slope"]["value"] == pytest.approx(1, rel=0.05)
    assert told["leftOut"] == []


def test_what_has_no_logarithm_is_left_out_of_the_slope_and_told(asked, measured):
    def elasticity(ratio, seed):
        return -3.0 if (ratio, seed) == (8, 2) else scattered(1.0)(ratio, seed)

    (told,) = asked(trend(), {"one": measured("one", elasticity)})["trends"]

    assert told["leftOut"] == [{"dose": 8, "replicate": {"seed": "2"}, "value": pytest.approx(-3)}]
    assert len(told["runs"]) == 3
    assert told["points"][3]["mean"] == pytest.approx(np.mean([elasticity(8, seed) for seed in (1, 2, 3)]))


def test_a_run_that_keeps_too_few_values_has_no_slope_and_an_arm_without_any_keeps_its_place(asked, measured):
    def partly(ratio, seed):
        return -1.0 if seed == 2 and ratio > 2 else scattered(1.0)(ratio, seed)

    arms = {
        "partly": measured("partly", partly, seeds=(1, 2, 3, 4)),
        "never": measured("never", lambda *_: -1.0),
    }
    document = asked(trend(), arms)
    (told,) = document["trends"]

    assert [run["replicate"]["seed"] for run in told["runs"]] == ["1", "3", "4"]
    assert len(told["leftOut"]) == 2
    assert told["adjustedP"] == pytest.approx(2 * told["p"])
    (missing,) = document["missing"]
    assert (missing["arm"], missing["derived"]) == ("never", "slope of ln(-aligned / pretraining) by ln(k)")
    assert "12 of 12 values have none" in missing["reason"]


def test_arms_and_points_of_other_axes_have_a_slope_each(asked, measured):
    runs = [
        run | {"coordinates": run["coordinates"] | {"size": size}}
        for size, power in (("1b", 1.0), ("7b", 0.5))
        for run in measured(f"one-{size}", scattered(power))
    ]
    told = asked(trend(), {"one": runs})["trends"]

    assert [one["coordinates"] for one in told] == [{"size": "1b"}, {"size": "7b"}]
    assert [one["slope"]["value"] for one in told] == [pytest.approx(1, abs=0.1), pytest.approx(0.5, abs=0.1)]


@pytest.fixture
def falling(bench):
    """Make an arm's runs of two shares each, of 40 answers, before and after."""

    def falling(before, after, *, unit="share of answers"):
        runs = []
        for seed in (1, 2, 3):
            tasks = {
                name: {"final": {"score": score, "n": 40, "unit": unit}}
                for name, score in (("before", before), ("after", after))
            }
            ref = bench.done(Kind.EVALUATE, {"seed": seed, "scores": [before, after]}, tasks=tasks)
            runs.append({"coordinates": {}, "replicate": {"seed": str(seed)}, "stages": {"scores": ref}})
        return runs

    return falling


def in_log_odds(*names):
    measures = [{"name": name, "stage": "scores", "figure": name, "scale": "logit"} for name in names]
    return {"derived": {"expression": " - ".join(names), "measures": measures}}


def test_a_measure_in_log_odds_is_that_of_right_over_wrong_with_half_an_answer_on_either_side(asked, falling):
    arms = {"some": falling(0.75, 0.5), "all": falling(1.0, 0.0)}
    every, some = asked(in_log_odds("before", "after"), arms)["derived"]

    assert some["effect"] == pytest.approx(np.log(30.5 / 10.5))
    assert every["effect"] == pytest.approx(2 * np.log(40.5 / 0.5))


def test_a_score_that_is_no_share_has_no_log_odds(bench, falling):
    for before, unit in ((0.5, "bits per byte"), (1.5, "measures")):
        runs = falling(before, 0.5, unit=unit)
        spec = {
            "comparison": {"name": "main"} | in_log_odds("before", "after"),
            "arms": [{"arm": "one", "runs": runs}],
            "missing": [],
        }
        failure = bench.run(main, Kind.COMPARE, spec).failure

        assert failure.reason == "Unsupported"
        assert "expected a share between 0 and 1" in failure.message
