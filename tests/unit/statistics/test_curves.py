import math

import numpy as np
import pytest

from assay.statistics import curves
from assay.statistics.exponential import NotFitted, exponential

DOSES = (0.0, 100.0, 200.0, 500.0, 1000.0)


def falling(tau, start=0.9, end=0.1, doses=DOSES):
    return [end + (start - end) * math.exp(-(dose - doses[0]) / tau) for dose in doses]


@pytest.mark.parametrize(("tau", "start", "end"), [(150, 0.9, 0.1), (40, 0.2, 0.7), (800, 3.0, 2.0)])
def test_an_exponential_curve_is_found_again(tau, start, end):
    fit = exponential(DOSES, falling(tau, start, end))
    assert (fit.tau, fit.start, fit.end) == pytest.approx((tau, start, end), rel=1e-3)
    assert fit.residual < 1e-5


def test_doses_that_begin_elsewhere_count_from_the_least():
    doses = tuple(50 + dose for dose in DOSES)
    assert exponential(doses, falling(150, doses=doses)).tau == pytest.approx(150, rel=1e-3)


@pytest.mark.parametrize(
    ("doses", "scores", "why"),
    [
        ((0.0, 1.0, 2.0), (3.0, 2.0, 1.5), "3 doses"),
        (DOSES, [1 - dose / 1000 for dose in DOSES], "straight"),
        (DOSES, (1.0, 0.0, 0.0, 0.0, 0.0), "at once"),
        (DOSES, (1.0, 0.5, 0.2, 0.4, 1.0), "first and last score are the same"),
    ],
)
def test_a_curve_that_shows_no_tau_is_not_fitted_and_says_why(doses, scores, why):
    with pytest.raises(NotFitted, match=why):
        exponential(doses, scores)


def test_the_later_slope_is_that_from_the_second_dose_on():
    assert curves.later_slope(DOSES) @ np.array([9.0, 5.0, 4.0, 3.0, 0.5]) == pytest.approx(-4.5 / 900)


def test_log_odds_of_right_and_wrong_answers_are_the_empirical_logit():
    answers = np.array([[1.0] * 15 + [0.0] * 5, [0.0] * 20, [1.0] * 20])
    found = curves.logits(answers).mean(axis=1)
    # Haldane 1956, Anscombe 1956: ln((right + 1/2) / (wrong + 1/2))
    assert found == pytest.approx([math.log(15.5 / 5.5), math.log(0.5 / 20.5), math.log(20.5 / 0.5)])


def test_items_lie_about_their_runs_log_odds_by_the_delta_method():
    rng = np.random.default_rng(0)
    answers = (rng.random((400, 500)) < 0.7).astype(float)
    of_items = curves.logits(answers).var(axis=1).mean() / 500
    of_runs = curves.logits(answers).mean(axis=1).var()
    assert of_items == pytest.approx(of_runs, rel=0.2)


@pytest.mark.parametrize(
    ("distances", "least"),
    [
        ((0.5, 0.03, 0.01, 0.005, 0.001), 200),  # at a dose
        ((0.5, 0.04, 0.02, 0.005, 0.001), 200 * (500 / 200) ** (2 / 3)),  # straight in ln(dose)
        ((0.11, 0.005, 0.004, 0.003, 0.002), 100 * 0.1 / 0.105),  # from 0 there is no logarithm
        ((0.005, 0.1, 0.2, 0.3, 0.4), 0),
        ((0.5, 0.005, 0.2, 0.3, 0.4), 100 * 0.49 / 0.495),  # the first time counts
        ((0.5, 0.4, 0.3, 0.2, 0.02), None),
    ],
)
def test_the_least_near_dose_is_drawn_over_the_logarithm_of_the_dose(distances, least):
    found = curves.least_near(DOSES, distances, 0.01)
    assert found == (None if least is None else pytest.approx(least))
