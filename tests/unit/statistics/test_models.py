import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from assay.statistics.models import Bootstrap, Ends, item_bootstrap, mcnemar, mcnemar_counts, sign_flips
from assay.statistics.readings import read
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


@pytest.mark.parametrize("n", [80, 700])  # in one block, and in three of unequal sizes
@pytest.mark.parametrize(("how", "theirs"), [(PERCENTILE, "percentile"), (BCA, "bca")])
def test_the_bootstrap_agrees_with_scipys(how, theirs, n):
    a, b = graded(4, n=n)
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
    a, b = graded(1, n=300)
    once = item_bootstrap(a, b, rng=np.random.default_rng(0), how=BCA)
    monkeypatch.setattr("assay.statistics.models.LOOKED_UP_AT_ONCE", 1000)
    assert item_bootstrap(a, b, rng=np.random.default_rng(0), how=BCA) == once


@given(
    st.integers(0, 2**32 - 1), st.sampled_from([PERCENTILE, BCA]), st.booleans(), st.sampled_from([30, 300])
)
@settings(max_examples=25)
def test_the_bootstrap_is_blind_to_item_order_and_mirrored_when_the_models_are_exchanged(
    seed, how, binary, n
):
    a, b = graded(seed, n=n)
    if binary:
        a, b = a > 2, b > 2
    order = np.random.default_rng(seed).permutation(n)
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


def test_15_against_20_of_164_is_inconclusive_with_its_interval_and_the_problems_that_would_be_needed():
    found = mcnemar_counts(both=2, only_a=13, only_b=18, neither=131)

    told = read(found, names=("with", "without"), higher_is_better=True, binary=True)

    assert told.word == "inconclusive"
    # Wilson's ends by statsmodels 0.15 (proportion_confint), put together by hand as Newcombe's method 10 does
    assert (found.interval.low, found.interval.high) == pytest.approx((-0.0991380, 0.0376419), abs=1e-6)
    # statsmodels 0.15: mcnemar([[2, 13], [18, 131]], exact=True)
    assert found.p == pytest.approx(0.4731296598911285)
    assert told.problems == 1594  # Connor (1987), of 31 discordant in 164
    assert told.sentence == (
        "Which of these two models is better stays open: with minus without is -0.03049,"
        f" 95% interval {found.interval.low:.4g} to {found.interval.high:.4g} over new items, p 0.47;"
        " with alone is ahead on 13 and without on 18 of 164 items; about 1594 problems would show such a difference."
    )


@pytest.mark.parametrize(("higher_is_better", "word"), [(True, "worse"), (False, "better"), (None, "lower")])
def test_two_models_that_differ_get_a_word_in_the_tasks_direction_and_no_number_of_problems(
    higher_is_better, word
):
    found = mcnemar_counts(both=50, only_a=2, only_b=30, neither=82)

    told = read(found, names=("a", "b"), higher_is_better=higher_is_better, binary=True)

    assert (told.word, told.problems) == (word, None)
    assert f"Of these two models a is {word} than b" in told.sentence


def test_sign_flips_of_0_and_1_scores_come_to_mcnemars_exact_p():
    a, b = np.repeat([1, 0, 1, 0], [2, 18, 13, 131]), np.repeat([1, 1, 0, 0], [2, 18, 13, 131])
    assert sign_flips(a, b, rng=np.random.default_rng(0), flips=40_000) == pytest.approx(
        mcnemar(a, b).p, abs=0.01
    )


def test_sign_flips_of_graded_scores_agree_with_scipys_permutation_test():
    a, b = graded(4, n=60, shift=-0.2)
    reference = stats.permutation_test(
        (a, b),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=40_000,
        rng=np.random.default_rng(1),
    ).pvalue
    ours = sign_flips(a, b, rng=np.random.default_rng(0), flips=40_000)
    assert ours == pytest.approx(reference, abs=0.01)
    assert ours == sign_flips(b, a, rng=np.random.default_rng(0), flips=40_000)


def test_sign_flips_never_say_zero_and_say_one_of_models_that_agree():
    assert sign_flips([1.5, 2.5] * 50, [0, 0] * 50, rng=np.random.default_rng(0), flips=99) == 0.01
    assert sign_flips([1, 2], [1, 2], rng=np.random.default_rng(0)) == 1.0


def test_the_bootstrap_within_groups_leaves_what_lies_between_them_out():
    rng = np.random.default_rng(3)
    groups = np.repeat(["easy", "hard"], 40)
    a = np.where(groups == "easy", 5.0, 0.0) + rng.normal(0, 0.1, 80)
    whole = item_bootstrap(a, np.zeros(80), rng=np.random.default_rng(0))
    within = item_bootstrap(a, np.zeros(80), rng=np.random.default_rng(0), groups=groups)
    assert within.effect == pytest.approx(whole.effect)
    assert within.interval.width < whole.interval.width / 10
    assert within.interval.covers(within.effect)


def test_scores_of_few_values_are_resampled_as_those_of_many(monkeypatch):
    a, b = np.random.default_rng(5).integers(0, 4, (2, 300))
    counted = item_bootstrap(a, b, rng=np.random.default_rng(0), how=Bootstrap(resamples=20_000))
    monkeypatch.setattr("assay.statistics.models._FEW", 0)
    drawn = item_bootstrap(a, b, rng=np.random.default_rng(0), how=Bootstrap(resamples=20_000))
    assert (counted.interval.low, counted.interval.high) == pytest.approx(
        (drawn.interval.low, drawn.interval.high), abs=0.012
    )
    assert counted.p == pytest.approx(drawn.p, abs=0.02)
