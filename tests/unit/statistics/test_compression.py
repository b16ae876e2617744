import numpy as np
import pytest

from assay.statistics.compression import Mixture, elasticity, hooke_residual, ideal_elasticity, pareto, rates
from assay.statistics.scores import StatisticsError

LEAVES = (pareto(50, 0.8), pareto(200, 1.1), pareto(1000, 1.5))


def thirds(volume, leaves=LEAVES):
    return Mixture(volumes=(volume / 3,) * 3, leaves=leaves)


@pytest.mark.parametrize("ratio", [10, 100, 1e3, 1e4])
def test_an_ideal_mixture_trades_the_two_rates_as_much_data_there_is_of_each(ratio):
    assert elasticity(thirds(ratio), alignment=1.0) == pytest.approx(ratio, rel=0.01)
    assert abs(hooke_residual(thirds(ratio), alignment=1.0)) < 0.01
    assert ideal_elasticity(ratio) == pytest.approx(ratio, rel=0.01)


def test_derivatives_are_those_of_the_closed_form():
    # volumes N and a, perturbation t near 0: d alignment/dt = 1/(N+a), d pre-training/dt = -a/(N(N+a))
    whole, aligned, step = 300.0, 20.0, 1e-3
    before = rates(thirds(whole), alignment=aligned, perturbation=0.0)
    after = rates(thirds(whole), alignment=aligned, perturbation=step)
    assert (after.alignment - before.alignment) / step == pytest.approx(1 / 320, rel=1e-4)
    assert (after.pretraining - before.pretraining) / step == pytest.approx(-20 / (300 * 320), rel=1e-3)
    assert after.perturbation < before.perturbation


def test_what_the_parts_are_made_of_cancels():
    plain = thirds(100, (pareto(2, 1.0),) * 3)
    assert elasticity(plain, alignment=1.0) == pytest.approx(elasticity(thirds(100), alignment=1.0))


def test_a_part_costs_its_entropy_and_the_word_that_says_which_it_is():
    four = np.full(4, 0.25)
    found = rates(thirds(3.0, (four,) * 3), alignment=3.0, perturbation=0.0)
    assert found.alignment == pytest.approx(np.log(4) + np.log(6 / 4))
    assert found.perturbation == pytest.approx(np.log(4) + np.log(6))


def test_a_perturbation_that_is_not_small_costs_more_than_the_theorem_says():
    steps = [elasticity(thirds(100), alignment=1.0, perturbation=step) for step in (None, 1e-3, 0.1, 0.5)]
    assert steps == sorted(steps)
    assert steps[-1] > 150


@pytest.mark.parametrize("volumes", [(0.0, 1.0, 1.0), (1.0, 1.0, -1.0)])
def test_a_mixture_that_lacks_a_part_has_no_elasticity(volumes):
    with pytest.raises(StatisticsError, match="expected all above 0"):
        elasticity(Mixture(volumes=volumes, leaves=(pareto(4, 1.0),) * 3), alignment=1.0)


def test_pareto_masses_fall_as_a_power_of_the_rank():
    masses = pareto(8, 2.0)
    assert masses.sum() == pytest.approx(1)
    assert masses[0] / masses[3] == pytest.approx(16)
    with pytest.raises(StatisticsError, match="exponent above 0"):
        pareto(8, 0)


def test_parts_of_unlike_size_trade_the_same():
    lopsided = Mixture(volumes=(10.0, 10.0, 80.0), leaves=(pareto(4, 1.0),) * 3)
    assert elasticity(lopsided, alignment=1.0) == pytest.approx(100, rel=0.01)
