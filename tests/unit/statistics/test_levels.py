import numpy as np
import pytest
from scipy import stats

from assay.statistics import curves
from assay.statistics.levels import Level, level_verdicts
from assay.statistics.scores import Arm, StatisticsError


def a_level(*figures, margin=None, higher_is_better=None):
    return Level(
        subject="the gap",
        figures=Arm.of_totals("x", figures),
        margin=margin,
        higher_is_better=higher_is_better,
    )


def words(*levels, **how):
    return [verdict.word for verdict in level_verdicts(levels, **how)]


def test_a_figure_that_stays_away_from_zero_is_the_one_sample_t_tests():
    figures = (0.5, 0.52, 0.49)
    (told,) = level_verdicts([a_level(*figures)])
    reference = stats.ttest_1samp(figures, 0)
    assert told.word == "higher"
    assert told.p == pytest.approx(reference.pvalue)
    assert (told.interval.low, told.interval.high) == pytest.approx(tuple(reference.confidence_interval()))
    assert told.reading.startswith("The gap is above zero: 0.5033, 95% interval")


def test_a_figure_within_the_margin_is_equivalent_to_zero_and_one_without_is_open():
    near, open_ = a_level(0.001, -0.001, 0.0005, margin=0.01), a_level(0.1, -0.2, 0.3, margin=0.01)
    assert words(near, open_) == ["equivalent", "inconclusive"]


@pytest.mark.parametrize(("higher_is_better", "word"), [(True, "worse"), (False, "better"), (None, "lower")])
def test_below_zero_is_told_in_the_tasks_direction(higher_is_better, word):
    assert words(a_level(-1.0, -1.1, -0.9, higher_is_better=higher_is_better)) == [word]


@pytest.mark.parametrize(
    ("figures", "why"), [((1.0, 1.1), "there are 2 runs"), ((1.0, 1.0, 1.0), "copies of each other")]
)
def test_figures_that_tell_nothing_of_new_runs_are_inconclusive(figures, why):
    (told,) = level_verdicts([a_level(*figures)])
    assert told.word == "inconclusive"
    assert why in told.reading


def test_what_is_missing_keeps_its_place_in_the_family_unless_there_is_none():
    level = a_level(1.0, 1.3, 0.8)
    (alone,) = level_verdicts([level])
    (beside,) = level_verdicts([level], absent=2)
    (apart,) = level_verdicts([level], absent=2, family=False)
    assert beside.adjusted_p == pytest.approx(3 * alone.p)
    assert apart.adjusted_p == alone.p


def test_a_curves_weights_give_change_slope_and_initial_slope():
    doses, scores = [0, 100, 200, 1000], np.array([0.9, 0.5, 0.4, 0.1])
    assert curves.change(doses) @ scores == pytest.approx(-0.8)
    assert curves.slope(doses) @ scores == pytest.approx(stats.linregress(doses, scores).slope)
    assert curves.initial_slope(doses) @ scores == pytest.approx(-0.004)


@pytest.mark.parametrize(
    ("scores", "half"), [([0.9, 0.5, 0.1], 100.0), ([0.9, 0.1, 0.1], 50.0), ([0.1, 0.3, 0.9], 133.33333)]
)
def test_the_half_life_is_where_half_of_the_way_is_made(scores, half):
    assert curves.half_life([10, 110, 210], scores) == pytest.approx(half)


def test_a_curve_that_returns_has_no_half_life():
    assert curves.half_life([0, 1, 2], [0.5, 0.9, 0.5]) is None


def test_doses_that_do_not_rise_are_refused():
    with pytest.raises(StatisticsError, match="at least two that rise"):
        curves.slope([1, 1])
