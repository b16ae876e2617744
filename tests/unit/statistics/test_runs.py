import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.statistics.runs import above, difference
from assay.statistics.scores import Arm, StatisticsError

SEEDS = st.integers(0, 2**32 - 1)
RUNS = st.integers(2, 6)
ITEMS = st.integers(2, 40)


def an_arm(rng, runs=3, items=50, *, shift=0.0, binary=False, name="arm"):
    scores = rng.normal(shift, 0.2, (runs, 1)) + rng.normal(0, 1, (runs, items))
    return Arm.of_items(name, scores > 0 if binary else scores)


def test_totals_of_equal_numbers_of_runs_give_welchs_test():
    a, b = [0.91, 0.93, 0.90, 0.95], [0.88, 0.90, 0.89, 0.83]
    estimate = difference(Arm.of_totals("a", a), Arm.of_totals("b", b))
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert estimate.p_different() == pytest.approx(welch.pvalue)
    assert estimate.df == pytest.approx(welch.df)
    interval = estimate.interval(0.95)
    assert (interval.low, interval.high) == pytest.approx(tuple(welch.confidence_interval(0.95)))


def test_totals_of_unequal_numbers_of_runs_have_welchs_error_and_capped_degrees_of_freedom():
    a, b = [1.0, 1.1, 1.2], [0.5, 1.5, 0.1, 1.9, 0.3, 1.2, 0.7, 1.1]
    estimate = difference(Arm.of_totals("a", a), Arm.of_totals("b", b))
    welch = stats.ttest_ind(a, b, equal_var=False)
    assert estimate.effect / estimate.standard_error == pytest.approx(welch.statistic)
    assert welch.df > 4
    assert estimate.df == 4


def test_items_worked_by_hand_give_the_documented_variance():
    # a: run means 2/4, 3/4, 1/4.  b: 1/4, 1/4, 2/4.
    a = [[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0]]
    b = [[0, 0, 1, 0], [0, 1, 0, 0], [0, 1, 1, 0]]
    # Residual mean squares: total - runs - items sums of squares over (3 - 1)(4 - 1) degrees of freedom.
    m_a = (3 - 4 * 2 * (1 / 4) ** 2 - 3 * (0.5**2 + (1 / 6) ** 2 + (1 / 6) ** 2 + 0.5**2)) / 6
    m_b = (12 * (1 / 3) * (2 / 3) - 4 * 2 / 48 - 3 * (2 * (1 / 3) ** 2 + 2 * (1 / 3) ** 2)) / 6
    runs = max(1 / 16, m_a / 4) / 3 + max(1 / 48, m_b / 4) / 3
    per_item = np.array([1 - 0, 2 / 3 - 2 / 3, 1 / 3 - 2 / 3, 0])
    items = per_item.var(ddof=1) / 4 - m_a / 12 - m_b / 12
    assert items > 0
    estimate = difference(Arm.of_items("a", a), Arm.of_items("b", b))
    assert estimate.effect == pytest.approx(1 / 2 - 1 / 3)
    assert estimate.run_variance == pytest.approx(runs)
    assert estimate.item_variance == pytest.approx(items)
    assert estimate.standard_error == pytest.approx(math.sqrt(runs + items))


def test_the_standard_error_over_many_experiments_is_the_true_spread_of_the_effect():
    rng = np.random.default_rng(3)
    effects, variances = [], []
    for _ in range(800):
        item = rng.normal(0, 1, 60)
        arms = [
            Arm.of_items(
                "x",
                item + rng.normal(0, 0.3, 60) + rng.normal(0, 0.15, (4, 1)) + rng.normal(0, 0.5, (4, 60)),
            )
            for _ in range(2)
        ]
        estimate = difference(*arms)
        effects.append(estimate.effect)
        variances.append(estimate.standard_error**2)
    truth = 2 * 0.15**2 / 4 + 2 * 0.3**2 / 60 + 2 * 0.5**2 / 240
    assert np.mean(variances) == pytest.approx(truth, rel=0.05)
    assert np.var(effects) == pytest.approx(truth, rel=0.15)


def test_one_run_in_an_arm_gives_an_effect_without_an_interval():
    estimate = difference(
        Arm.of_items("a", [[1, 0, 1]]), Arm.of_items("b", [[0, 0, 1], [1, 0, 1], [1, 1, 1]])
    )
    assert estimate.effect == pytest.approx(2 / 3 - 2 / 3)
    assert estimate.interval(0.95) is None
    assert estimate.p_different() is None
    assert estimate.p_beyond(0.1) is None


def test_runs_that_are_copies_give_no_interval():
    copied = Arm.of_items("a", [[1, 0, 1, 1]] * 3)
    assert difference(copied, an_arm(np.random.default_rng(0), items=4, binary=True)).interval(0.95) is None
    assert (
        difference(Arm.of_totals("a", [0.3] * 3), Arm.of_totals("b", [0.1, 0.2, 0.3])).interval(0.95) is None
    )


def test_a_saturated_task_gives_about_the_rule_of_three():
    full = Arm.of_items("a", np.ones((3, 300)))
    interval = difference(full, full).interval(0.90)
    assert interval.high == pytest.approx(3 / 300, rel=0.05)
    assert interval.low == -interval.high


def test_a_saturated_graded_task_gives_no_interval():
    arm = Arm.of_items("a", np.full((3, 300), 7.5))
    assert difference(arm, arm).interval(0.95) is None


def test_scores_that_vary_only_by_rounding_count_as_not_varying():
    totals = Arm.of_totals("a", [0.1, 0.1 + 1e-17, 0.1])
    nearly = Arm.of_totals("b", [0.1, 0.1 * (1 + 2e-16), 0.1])
    assert difference(nearly, nearly).interval(0.95) is None
    assert difference(totals, nearly).interval(0.95) is None


def test_more_luck_among_few_runs_is_not_more_certainty():
    # All run means are equal, but runs disagree on items: the residual says how far they could have differed.
    rows = np.array([np.roll([1] * 10 + [0] * 10, shift) for shift in range(3)])
    estimate = difference(Arm.of_items("a", rows), Arm.of_items("b", np.roll(rows, 5, axis=1)))
    assert estimate.run_variance > 0


def test_an_arm_against_a_level_without_items_is_the_one_sample_t_test():
    totals = [0.26, 0.31, 0.28, 0.24]
    assert above(Arm.of_totals("a", totals), 0.25).p_different() == pytest.approx(
        stats.ttest_1samp(totals, 0.25).pvalue
    )


@given(SEEDS, RUNS, RUNS, ITEMS, st.booleans())
@settings(max_examples=60)
def test_exchanging_the_arms_mirrors_the_estimate(seed, runs_a, runs_b, items, binary):
    rng = np.random.default_rng(seed)
    a, b = (an_arm(rng, runs, items, binary=binary) for runs in (runs_a, runs_b))
    forth, back = difference(a, b), difference(b, a)
    assert forth.effect == -back.effect
    assert forth.standard_error == pytest.approx(back.standard_error)
    assert forth.df == pytest.approx(back.df)


@given(SEEDS, RUNS, RUNS, ITEMS, st.booleans())
@settings(max_examples=60)
def test_the_order_of_runs_and_of_items_changes_nothing(seed, runs_a, runs_b, items, binary):
    rng = np.random.default_rng(seed)
    a, b = (an_arm(rng, runs, items, binary=binary) for runs in (runs_a, runs_b))
    order = rng.permutation(items)
    c, d = (Arm.of_items("x", arm.items[rng.permutation(arm.runs)][:, order]) for arm in (a, b))
    before, after = difference(a, b), difference(c, d)
    assert after.effect == pytest.approx(before.effect, abs=1e-12)
    assert after.standard_error == pytest.approx(before.standard_error)
    assert after.df == pytest.approx(before.df)


@given(SEEDS, RUNS, ITEMS, st.floats(0.5, 0.999), st.floats(1e-6, 1e6))
@settings(max_examples=60)
def test_the_interval_holds_the_effect_has_width_and_scales_with_the_unit(seed, runs, items, level, unit):
    rng = np.random.default_rng(seed)
    a, b = an_arm(rng, runs, items), an_arm(rng, 3, items)
    estimate = difference(a, b)
    interval = estimate.interval(level)
    assert interval.covers(estimate.effect)
    assert interval.width > 0
    scaled = difference(Arm.of_items("a", unit * a.items), Arm.of_items("b", unit * b.items)).interval(level)
    assert scaled.width == pytest.approx(unit * interval.width, rel=1e-6)


@given(SEEDS, RUNS, RUNS, st.floats(0.001, 0.2), st.floats(0.01, 3))
@settings(max_examples=100)
def test_p_and_interval_agree_on_difference_and_on_equivalence(seed, runs_a, runs_b, alpha, margin):
    rng = np.random.default_rng(seed)
    estimate = difference(an_arm(rng, runs_a, shift=0.3), an_arm(rng, runs_b))
    assert (estimate.p_different() <= alpha) == (not estimate.interval(1 - alpha).covers(0))
    inner = estimate.interval(1 - 2 * alpha)
    assert (estimate.p_beyond(margin) <= alpha) == (-margin <= inner.low and inner.high <= margin)


def test_totals_give_statsmodels_p_interval_and_equivalence():
    # statsmodels 0.15: ttest_ind, CompareMeans.tconfint_diff and ttost_ind(x, y, -0.03, 0.03), each usevar="unequal"
    x, y = [0.512, 0.498, 0.505, 0.520], [0.497, 0.503, 0.489, 0.494]
    estimate = difference(Arm.of_totals("x", x), Arm.of_totals("y", y))
    assert estimate.df == pytest.approx(5.012545414215891)
    assert estimate.p_different() == pytest.approx(0.06602421170824468)
    interval = estimate.interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((-0.001253488917744643, 0.027253488917744775))
    assert estimate.p_beyond(0.03) == pytest.approx(0.013947822541768877)


GROUPS = ["easy"] * 30 + ["hard"] * 20 + ["odd"]


def grouped(rng, tilt):
    """Two arms that differ by group alone: by so much in the easy one, and as much the other way in the hard one."""
    shift = np.where(np.array(GROUPS) == "easy", tilt, -tilt)
    arms = (rng.normal(0, 0.05, (4, 1)) + rng.normal(0, 0.1, (4, 51)) + moved for moved in (shift, 0.0))
    return [Arm.of_items("x", scores, groups=GROUPS) for scores in arms]


def test_what_differs_between_groups_is_no_variance_of_items():
    a, b = grouped(np.random.default_rng(0), 3.0)
    within = difference(a, b)
    whole = difference(*(Arm.of_items("x", arm.items) for arm in (a, b)))
    assert within.effect == whole.effect
    assert within.standard_error < whole.standard_error / 3


def test_the_variance_of_items_in_groups_is_the_sum_of_the_groups_own():
    a, b = grouped(np.random.default_rng(1), 0.0)
    gaps = a.items.mean(axis=0) - b.items.mean(axis=0)
    parts = []
    for inside in (
        slice(0, 30),
        slice(30, 51),
    ):  # the only item of the last group counts with those before it
        size = gaps[inside].size
        own = gaps[inside].var(ddof=1) / size
        for arm in (a, b):
            scores = arm.items[:, inside]
            rest = scores - scores.mean(axis=0) - scores.mean(axis=1, keepdims=True) + scores.mean()
            own -= (rest**2).sum() / (3 * (size - 1)) / (4 * size)
        parts.append((size / 51) ** 2 * own)
    assert difference(a, b).item_variance == pytest.approx(max(0.0, sum(parts)))


def test_one_group_is_none():
    arms = [an_arm(np.random.default_rng(seed)) for seed in (1, 2)]
    alike = [Arm.of_items("x", arm.items, groups=["all"] * 50) for arm in arms]
    assert difference(*alike) == difference(*arms)


def test_items_that_are_all_alone_in_their_groups_are_one_sample():
    arms = [an_arm(np.random.default_rng(seed)) for seed in (1, 2)]
    apart = [Arm.of_items("x", arm.items, groups=[f"{at:02}" for at in range(50)]) for arm in arms]
    assert difference(*apart) == difference(*arms)


def test_fewer_groups_than_items_are_refused():
    with pytest.raises(StatisticsError, match="1 groups of 2 items"):
        Arm.of_items("x", [[1, 0]], groups=["a"])
