import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from assay.statistics.families import holm, primary_then_holm
from assay.statistics.scores import StatisticsError

P = st.floats(0, 1)
PS = st.lists(P, min_size=1, max_size=8)


def test_holm_gives_the_textbook_values():
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    # statsmodels 0.15: multipletests(…, method="holm")
    assert holm([0.001, 0.013, 0.04, 0.021, 0.3]) == pytest.approx((0.005, 0.052, 0.08, 0.063, 0.3))


def test_holm_of_one_hypothesis_changes_nothing():
    assert holm([0.03]) == (0.03,)


def test_the_primary_pays_nothing_for_its_company():
    adjusted = primary_then_holm({"a": 0.04, "b": 0.9, "c": 0.01}, primary="a")
    assert adjusted == {"a": 0.04, "b": 0.9, "c": 0.04}


def test_a_primary_that_is_not_shown_holds_back_the_others():
    adjusted = primary_then_holm({"a": 1e-9, "b": 0.2}, primary="b")
    assert adjusted == {"a": 0.2, "b": 0.2}


def test_a_family_without_a_primary_is_holms():
    assert primary_then_holm({"a": 0.01, "b": 0.04}, primary=None) == {"a": 0.02, "b": 0.04}


def test_a_primary_that_was_not_declared_is_refused():
    with pytest.raises(StatisticsError, match="'c', expected one of"):
        primary_then_holm({"a": 0.01}, primary="c")


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_a_p_value_that_is_none_is_refused(p):
    with pytest.raises(StatisticsError):
        holm([0.1, p])


@given(PS)
def test_adjusted_p_values_are_never_smaller_and_keep_their_order(ps):
    adjusted = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, adjusted, strict=True))
    assert all(adjusted[i] <= adjusted[j] for i in range(len(ps)) for j in range(len(ps)) if ps[i] <= ps[j])


@given(PS, st.data())
def test_a_larger_p_value_never_lowers_any_adjusted_one(ps, data):
    at = data.draw(st.integers(0, len(ps) - 1))
    raised = [*ps[:at], data.draw(st.floats(ps[at], 1)), *ps[at + 1 :]]
    for primary in (None, "0"):
        before = primary_then_holm({str(i): p for i, p in enumerate(ps)}, primary=primary)
        after = primary_then_holm({str(i): p for i, p in enumerate(raised)}, primary=primary)
        assert all(before[name] <= after[name] for name in before)


@given(PS, st.randoms(use_true_random=False))
def test_the_order_of_hypotheses_changes_nothing(ps, random):
    family = list({str(i): p for i, p in enumerate(ps)}.items())
    shuffled = random.sample(family, len(family))
    assert primary_then_holm(dict(family), primary="0") == primary_then_holm(dict(shuffled), primary="0")


@pytest.mark.parametrize("true_effects", [0, 1, 2])
def test_a_family_makes_any_false_claim_in_at_most_one_of_twenty(true_effects):
    # Four correlated hypotheses, the primary first; the first `true_effects` of them are really there.
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 4)) * np.sqrt(0.5) + rng.normal(size=(4000, 1)) * np.sqrt(0.5)
    z[:, :true_effects] += 3
    p = 2 * stats.norm.sf(np.abs(z))
    false = 0
    for row in p:
        adjusted = primary_then_holm({str(i): float(value) for i, value in enumerate(row)}, primary="0")
        false += any(adjusted[str(i)] <= 0.05 for i in range(true_effects, 4))
    assert false / 4000 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000)
