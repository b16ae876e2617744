import math

import numpy as np
import pytest
from hypothesis import given, settings
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


def test_power_without_items_is_that_of_the_two_sample_t_test():
    design = Design(runs_a=5, runs_b=5, run_sd=1.0)
    shift, critical = 2 / math.sqrt(2 / 5), stats.t.ppf(0.975, 8)
    assert design.df() == pytest.approx(8)
    assert power(design, 2.0) == pytest.approx(stats.nct.sf(critical, 8, shift))


def test_five_runs_per_arm_detect_about_two_run_deviations():
    # Cohen's d for a two-sample t test, n = 5 per group, alpha 0.05, power 0.8 (G*Power: 2.0244).
    assert minimum_detectable_difference(Design(runs_a=5, runs_b=5, run_sd=1.0)) == pytest.approx(
        2.0244, abs=1e-3
    )


def test_power_of_no_effect_is_half_of_alpha():
    assert power(a_design(), 0.0, alpha=0.03) == pytest.approx(0.015)


@given(st.integers(2, 12), st.integers(2, 5000), st.floats(1e-4, 1), st.floats(0, 1), st.floats(0.3, 0.95))
@settings(deadline=None)
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


def test_the_design_of_a_comparison_has_its_error_and_nearly_its_degrees_of_freedom():
    rng = np.random.default_rng(0)
    a, b = (Arm.of_items("x", rng.normal(0, 0.1, (4, 1)) + rng.normal(0, 1, (4, 200))) for _ in range(2))
    design, estimate = design_of(a, b), difference(a, b)
    assert design.standard_error() == pytest.approx(estimate.standard_error)
    assert design.df() == pytest.approx(estimate.df, rel=0.3)


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
