import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.statistics.power import (
    Design,
    design_of,
    independent_discordance,
    minimum_detectable_difference,
    power,
    problems_needed,
)
from assay.statistics.runs import difference
from assay.statistics.scores import Arm, StatisticsError


def a_design(runs=5, items=1000, run_sd=0.01, item_sd=0.3):
    return Design(runs_a=runs, runs_b=runs, run_sd=run_sd, items=items, item_sd=item_sd)


@pytest.mark.parametrize(("runs", "lost"), [(3, 0.12), (5, 0.03), (30, 0.002)])
def test_power_without_items_is_below_that_of_the_two_sample_t_test_and_nears_it_with_more_runs(runs, lost):
    effect = 2.8 * math.sqrt(2 / runs)
    pooled = stats.nct.sf(stats.t.ppf(0.975, 2 * runs - 2), 2 * runs - 2, 2.8)
    assert pooled - lost < power(Design(runs_a=runs, runs_b=runs, run_sd=1.0), effect) < pooled


@pytest.mark.parametrize("runs", [(3, 3), (3, 6), (5, 5)])
def test_power_without_items_is_that_of_welch_s_test(runs):
    rng = np.random.default_rng(0)
    arms = [rng.normal(shift, 1, (50_000, count)) for shift, count in zip((2.5, 0), runs, strict=True)]
    estimates = [arm.var(axis=1, ddof=1) / count for arm, count in zip(arms, runs, strict=True)]
    df = sum(estimates) ** 2 / sum(part**2 / (count - 1) for part, count in zip(estimates, runs, strict=True))
    t = (arms[0].mean(axis=1) - arms[1].mean(axis=1)) / np.sqrt(sum(estimates))
    shown = np.mean(t > stats.t.ppf(0.975, np.minimum(df, 2 * (min(runs) - 1))))
    design = Design(runs_a=runs[0], runs_b=runs[1], run_sd=1.0)
    assert power(design, 2.5) == pytest.approx(shown, abs=0.008)


def test_runs_that_hardly_vary_beyond_their_items_need_a_larger_difference():
    design = Design(runs_a=3, runs_b=3, run_sd=0.3 / math.sqrt(200), items=200, item_sd=0.1)
    cautious = replace(design, residual_sd=0.3)
    assert minimum_detectable_difference(cautious) > 1.03 * minimum_detectable_difference(design)
    rng, least, shown = np.random.default_rng(0), minimum_detectable_difference(cautious), 0
    for _ in range(600):
        tilt = least + rng.normal(0, 0.1, 200)
        a, b = (rng.normal(0, 0.3, (3, 200)) + rest for rest in (tilt, np.zeros(200)))
        shown += difference(Arm.of_items("a", a), Arm.of_items("b", b)).p_different() <= 0.05
    assert shown / 600 == pytest.approx(0.8, abs=0.06)


def test_power_of_no_effect_is_about_half_of_alpha():
    assert power(a_design(), 0.0, alpha=0.03) == pytest.approx(0.015, abs=0.003)


@given(st.integers(2, 12), st.integers(2, 5000), st.floats(1e-4, 1), st.floats(0, 1), st.floats(0.3, 0.95))
def test_the_minimum_detectable_difference_is_detected_with_the_wanted_power(
    runs, items, run_sd, item_sd, wanted
):
    design = a_design(runs, items, run_sd, item_sd)
    least = minimum_detectable_difference(design, wanted=wanted)
    assert power(design, least) == pytest.approx(wanted, abs=2e-3)


@given(st.integers(4, 12), st.integers(20, 5000))
def test_more_runs_and_more_items_detect_smaller_differences(runs, items):
    here = minimum_detectable_difference(a_design(runs, items))
    assert minimum_detectable_difference(a_design(runs + 1, items)) < here
    assert minimum_detectable_difference(a_design(runs, 2 * items)) < here


def test_the_promised_power_is_kept_by_the_test_itself():
    rng = np.random.default_rng(0)
    design = Design(runs_a=4, runs_b=4, run_sd=0.03, items=300, item_sd=0.4)
    least = minimum_detectable_difference(design)
    shown = 0
    for _ in range(600):
        tilt = rng.normal(0, 0.4, 300)
        arms = [
            rng.normal(0, 0.03, (4, 1)) + rng.normal(0, 0.05, (4, 300)) + rest
            for rest in (least + tilt, np.zeros(300))
        ]
        shown += difference(Arm.of_items("a", arms[0]), Arm.of_items("b", arms[1])).p_different() <= 0.05
    assert shown / 600 == pytest.approx(0.8, abs=0.06)


def test_the_design_of_a_comparison_has_its_error_and_what_its_runs_and_items_leave_unexplained():
    rng = np.random.default_rng(0)
    a, b = (Arm.of_items("x", rng.normal(0, 0.1, (4, 1)) + rng.normal(0, 1, (4, 200))) for _ in range(2))
    design, estimate = design_of(a, b), difference(a, b)
    assert design.standard_error() == pytest.approx(estimate.standard_error)
    assert design.residual_sd == pytest.approx(1, rel=0.1)


def test_the_design_of_single_runs_is_refused():
    with pytest.raises(StatisticsError, match="show no variance"):
        design_of(Arm.of_items("a", [[1, 0]]), Arm.of_items("b", [[1, 0]]))


@pytest.mark.parametrize(
    "wrong",
    [{"runs": 1}, {"items": 1}, {"run_sd": -1.0}, {"run_sd": 0.0, "item_sd": 0.0}, {"item_sd": float("nan")}],
)
def test_a_design_that_cannot_be_is_refused(wrong):
    with pytest.raises(StatisticsError):
        a_design(**wrong)


def test_15_against_20_of_164_would_need_about_1600_problems():
    share_a, share_b = 15 / 164, 20 / 164
    unpaired = (
        (1.959964 + 0.841621) ** 2
        * (share_a * (1 - share_a) + share_b * (1 - share_b))
        / (share_b - share_a) ** 2
    )
    discordant = independent_discordance(share_a, share_b)
    assert problems_needed(share_a - share_b, discordant=discordant) == 1612
    assert problems_needed(share_a - share_b, discordant=discordant) == pytest.approx(unpaired, rel=0.01)


def test_15_against_20_of_164_would_need_more_problems_even_if_one_model_solved_all_that_the_other_did():
    assert problems_needed(5 / 164, discordant=5 / 164) == 256


def test_no_number_of_problems_shows_a_difference_of_zero():
    assert problems_needed(0.0, discordant=0.1) is None


def test_fewer_discordant_problems_than_the_difference_makes_are_refused():
    with pytest.raises(StatisticsError, match="discordant"):
        problems_needed(0.2, discordant=0.1)
