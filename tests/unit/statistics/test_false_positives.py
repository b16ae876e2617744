"""Seeded simulations: how often two arms that do not differ are told apart, and two that differ are not."""

import math

import numpy as np
import pytest

from assay.statistics.runs import difference
from assay.statistics.scores import Arm


def a_pair(rng, *, runs, items, run_sd, interaction_sd=0.0, shift=0.0):
    """Two arms of graded scores; item difficulty 0.4, run x item noise 0.3, for means near those of 0/1 tasks."""
    difficulty = rng.normal(0, 0.4, items)
    arms = [
        difficulty
        + rng.normal(0, interaction_sd / math.sqrt(2), items)
        + rng.normal(0, run_sd, (count, 1))
        + rng.normal(0, 0.3, (count, items))
        for count in runs
    ]
    return Arm.of_items("a", arms[0] + shift), Arm.of_items("b", arms[1])


def a_binary_pair(rng, *, runs, items, run_sd, interaction_sd=0.0, shift=0.0):
    """Two arms of 0/1 scores; all spreads and the shift in logits, item difficulty 1.5."""
    difficulty = rng.normal(-0.5, 1.5, items)
    arms = []
    for count, moved in zip(runs, (shift, 0.0), strict=True):
        logits = difficulty + rng.normal(0, interaction_sd / math.sqrt(2), items) + moved
        logits = logits + rng.normal(0, run_sd, (count, 1))
        arms.append(rng.random((count, items)) < 1 / (1 + np.exp(-logits)))
    return Arm.of_items("a", arms[0]), Arm.of_items("b", arms[1])


def shown(make, times, **situation):
    """Share of experiments whose p is at most 0.05."""
    rng = np.random.default_rng(20240601)
    return sum(difference(*make(rng, **situation)).p_different() <= 0.05 for _ in range(times)) / times


def at_most_nominal(share, times):
    return share <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / times)


@pytest.mark.parametrize("runs", [(3, 3), (3, 5), (5, 5), (3, 10), (10, 10)])
@pytest.mark.parametrize(
    ("run_sd", "interaction_sd"), [(0.02, 0.0), (0.05, 0.0), (0.02, 0.2)], ids=["small", "large", "items"]
)
def test_two_equal_arms_on_164_items_are_told_apart_in_at_most_one_of_twenty(runs, run_sd, interaction_sd):
    share = shown(a_pair, 1500, runs=runs, items=164, run_sd=run_sd, interaction_sd=interaction_sd)
    assert at_most_nominal(share, 1500)


@pytest.mark.parametrize("runs", [(3, 3), (3, 5), (10, 10)])
def test_two_equal_arms_on_2000_items_are_told_apart_in_at_most_one_of_twenty(runs):
    assert at_most_nominal(shown(a_pair, 400, runs=runs, items=2000, run_sd=0.02), 400)


@pytest.mark.parametrize("runs", [(3, 3), (5, 5), (10, 10)])
@pytest.mark.parametrize("interaction_sd", [0.0, 0.5])
def test_two_equal_arms_of_right_and_wrong_answers_are_told_apart_in_at_most_one_of_twenty(
    runs, interaction_sd
):
    share = shown(a_binary_pair, 1000, runs=runs, items=164, run_sd=0.1, interaction_sd=interaction_sd)
    assert at_most_nominal(share, 1000)


@pytest.mark.parametrize("runs", [(3, 3), (3, 10), (5, 5), (10, 10)])
def test_two_equal_arms_of_totals_are_told_apart_in_at_most_one_of_twenty(runs):
    rng = np.random.default_rng(7)
    pairs = [[Arm.of_totals("x", rng.normal(2, 0.01, count)) for count in runs] for _ in range(5000)]
    share = np.mean([difference(*pair).p_different() <= 0.05 for pair in pairs])
    assert at_most_nominal(share, 5000)


def test_pooling_all_runs_items_as_if_independent_would_be_wrong_far_more_often():
    # The mistake this module exists to prevent: item noise alone, one long vector per arm.
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(300):
        a, b = a_pair(rng, runs=(3, 3), items=2000, run_sd=0.02)
        gaps = (a.items - b.items).ravel()
        wrong += abs(gaps.mean()) > 1.96 * gaps.std() / math.sqrt(gaps.size)
    assert wrong / 300 > 0.3


@pytest.mark.parametrize(("runs", "least"), [((3, 3), 0.6), ((5, 5), 0.9), ((10, 10), 0.99)])
def test_a_difference_of_four_run_deviations_is_mostly_shown(runs, least):
    assert shown(a_pair, 300, runs=runs, items=1000, run_sd=0.02, shift=0.08) >= least


def test_a_large_difference_in_right_answers_is_mostly_shown_by_five_runs_of_164_items():
    assert (
        shown(a_binary_pair, 300, runs=(5, 5), items=164, run_sd=0.1, interaction_sd=0.3, shift=0.6) >= 0.85
    )
