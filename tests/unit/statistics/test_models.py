import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.statistics.models import Bootstrap, Ends, item_bootstrap, mcnemar, mcnemar_counts
from assay.statistics.scores import StatisticsError

COUNTS = st.integers(0, 60)
PERCENTILE = Bootstrap(resamples=2000, ends=Ends.PERCENTILE)
BCA = Bootstrap(resamples=2000)


def graded(seed, n=80, shift=0.2):
    rng = np.random.default_rng(seed)
    b = rng.gamma(2.0, 1.0, n)
    return b + rng.gamma(1.0, 0.5, n) - 0.5 + shift, b


@pytest.mark.parametrize("both", range(16))
def test_15_against_20_of_164_problems_is_not_significant_however_they_overlap(both):
    result = mcnemar_counts(both=both, only_a=15 - both, only_b=20 - both, neither=129 + both)
    assert result.n == 164
    assert result.effect == pytest.approx(-5 / 164)
    assert result.p == pytest.approx(stats.binomtest(15 - both, 35 - 2 * both).pvalue)
    assert result.p >= 0.0625


def test_15_against_20_of_164_solved_independently_gives_the_reference_values():
    result = mcnemar_counts(both=2, only_a=13, only_b=18, neither=131)
    assert result.p == pytest.approx(0.4731, abs=5e-5)
    assert result.interval.covers(0)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((14, 5, 0, 22), 0.011, 0.226),  # Altman et al. (2000), Statistics with Confidence, table 6.2
        ((1, 1, 7, 12), -0.507, -0.026),  # Bentur et al. (2009), in Fagerland, Lydersen & Laake (2014)
    ],
)
def test_newcombes_interval_gives_the_published_examples(table, low, high):
    both, only_a, only_b, neither = table
    interval = mcnemar_counts(both=both, only_a=only_a, only_b=only_b, neither=neither).interval
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=6e-4)


def test_models_that_agree_everywhere_have_p_1_and_an_interval_with_width():
    result = mcnemar([1, 0, 1, 1], [1, 0, 1, 1])
    assert (result.p, result.effect, result.only_a, result.only_b) == (1.0, 0.0, 0, 0)
    assert result.interval.width > 0


def test_mcnemar_of_graded_scores_is_refused():
    with pytest.raises(StatisticsError, match=r"score 0.5, expected 0 or 1\. Use item_bootstrap"):
        mcnemar([1, 0.5], [0, 1])


def test_models_scored_on_different_items_are_refused():
    with pytest.raises(StatisticsError, match="2 and 3 items"):
        mcnemar([1, 0], [0, 1, 1])


@given(COUNTS, COUNTS, COUNTS, COUNTS.map(lambda count: count + 1))
def test_mcnemar_holds_its_effect_and_is_mirrored_when_the_models_are_exchanged(
    both, only_a, only_b, neither
):
    forth = mcnemar_counts(both=both, only_a=only_a, only_b=only_b, neither=neither)
    back = mcnemar_counts(both=both, only_a=only_b, only_b=only_a, neither=neither)
    assert forth.p == back.p
    assert forth.effect == -back.effect
    assert (forth.interval.low, forth.interval.high) == pytest.approx(
        (-back.interval.high, -back.interval.low)
    )
    assert forth.interval.low <= forth.effect <= forth.interval.high
    assert forth.interval.low >= -1
    assert forth.interval.high <= 1


@pytest.mark.parametrize(("how", "theirs"), [(PERCENTILE, "percentile"), (BCA, "bca")])
def test_the_bootstrap_agrees_with_scipys(how, theirs):
    a, b = graded(4)
    ours = item_bootstrap(a, b, rng=np.random.default_rng(0), how=Bootstrap(resamples=20000, ends=how.ends))
    reference = stats.bootstrap(
        (a - b,), np.mean, n_resamples=20000, method=theirs, rng=np.random.default_rng(1)
    ).confidence_interval
    assert (ours.interval.low, ours.interval.high) == pytest.approx(tuple(reference), abs=0.006)


def test_the_bootstraps_p_is_near_that_of_the_paired_t_test():
    a, b = graded(4, n=400, shift=0.05)
    result = item_bootstrap(a, b, rng=np.random.default_rng(0), how=PERCENTILE)
    assert result.p == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.03)


def test_the_bootstrap_counts_discordant_items_and_keeps_its_effect():
    result = item_bootstrap([1, 0, 1, 1], [0, 0, 0, 1], rng=np.random.default_rng(0), how=BCA)
    assert (result.n, result.only_a, result.only_b, result.effect) == (4, 2, 0, 0.5)


def test_the_bootstrap_of_items_that_all_differ_equally_gives_no_interval():
    result = item_bootstrap([1, 2, 3], [0, 1, 2], rng=np.random.default_rng(0), how=BCA)
    assert (result.effect, result.interval, result.p) == (1.0, None, None)


def test_the_bootstrap_in_parts_is_the_bootstrap_at_once(monkeypatch):
    a, b = graded(1)
    once = item_bootstrap(a, b, rng=np.random.default_rng(0), how=BCA)
    monkeypatch.setattr("assay.statistics.models.RESAMPLED_AT_ONCE", 1000)
    assert item_bootstrap(a, b, rng=np.random.default_rng(0), how=BCA) == once


@given(st.integers(0, 2**32 - 1), st.sampled_from([PERCENTILE, BCA]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_bootstrap_is_blind_to_item_order_and_mirrored_when_the_models_are_exchanged(seed, how, binary):
    a, b = graded(seed, n=30)
    if binary:
        a, b = a > 2, b > 2
    order = np.random.default_rng(seed).permutation(30)
    forth = item_bootstrap(a, b, rng=np.random.default_rng(1), how=how)
    assert item_bootstrap(a[order], b[order], rng=np.random.default_rng(1), how=how) == forth
    back = item_bootstrap(b, a, rng=np.random.default_rng(1), how=how)
    assert forth.effect == -back.effect
    assert forth.p == back.p
    if forth.interval is not None:
        assert (forth.interval.low, forth.interval.high) == (-back.interval.high, -back.interval.low)
        assert forth.interval.covers(forth.effect)


@pytest.mark.parametrize("ends", list(Ends))
def test_the_bootstrap_interval_covers_the_truth_about_as_often_as_it_says(ends):
    rng = np.random.default_rng(2)
    covered = 0
    for _ in range(300):
        a, b = rng.random(164) < 0.5, rng.random(164) < 0.4
        result = item_bootstrap(a, b, rng=rng, how=Bootstrap(resamples=999, ends=ends))
        covered += result.interval.covers(0.1)
    assert 0.91 <= covered / 300 <= 0.98


def test_too_few_resamples_are_refused():
    with pytest.raises(StatisticsError, match="expected at least 100"):
        Bootstrap(resamples=10)
