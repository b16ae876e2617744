import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.statistics.scores import Arm, StatisticsError
from assay.statistics.verdicts import Comparison, family_verdicts, verdict
from assay.statistics.words import Word


def an_arm(mean=0.5, *, name="a", runs=5, items=400, run_sd=0.01, seed=0):
    rng = np.random.default_rng(seed)
    easy = (np.arange(items) + 0.5) / items  # the same items are easy for every arm
    cut = mean + rng.normal(0, run_sd, (runs, 1)) + rng.normal(0, 0.05, (runs, items))
    return Arm.of_items(name, easy < cut)


def a_comparison(mean_a=0.5, mean_b=0.5, *, name="q", runs=5, seed=0, **declared):
    a = an_arm(mean_a, name="with", runs=runs, seed=2 * seed)
    b = an_arm(mean_b, name="without", runs=runs, seed=2 * seed + 1)
    return Comparison(name=name, a=a, b=b, **declared)


def totals(*values, name="a"):
    return Arm.of_totals(name, values)


def test_an_arm_that_scores_clearly_higher_is_better_and_the_other_worse():
    assert verdict(a_comparison(0.6, 0.4)).word == Word.BETTER
    assert verdict(a_comparison(0.4, 0.6)).word == Word.WORSE


def test_a_lower_loss_is_better_where_lower_is_declared_good():
    a, b = totals(0.80, 0.81, 0.79, name="a"), totals(0.90, 0.91, 0.89, name="b")
    result = verdict(Comparison(name="bits", a=a, b=b, higher_is_better=False))
    assert result.word == Word.BETTER
    assert result.effect == pytest.approx(-0.1)
    assert result.items is None


def test_where_neither_direction_is_good_the_words_only_say_which_is_higher():
    up, down = (verdict(a_comparison(*means, higher_is_better=None)) for means in ((0.6, 0.4), (0.4, 0.6)))
    assert (up.word, down.word) == (Word.HIGHER, Word.LOWER)
    assert down.reading.startswith("with is lower than without:")


def test_a_verdict_carries_all_that_it_rests_on():
    result = verdict(a_comparison(0.6, 0.4, margin=0.01, chance=0.25))
    assert (result.name, result.a, result.b) == ("q", "with", "without")
    assert (result.items, result.runs_a, result.runs_b) == (400, 5, 5)
    assert result.effect == result.mean_a - result.mean_b
    assert result.interval.level == 0.95
    assert result.interval.covers(result.effect)
    assert result.adjusted_p == result.p
    assert result.df > 4
    assert result.margin == 0.01
    assert result.equivalence_p > 0.9
    assert not result.exploratory


def test_a_reading_is_one_sentence_with_its_figures():
    a, b = totals(0.80, 0.81, 0.79, name="a"), totals(0.90, 0.91, 0.89, name="b")
    assert verdict(Comparison(name="q", a=a, b=b)).reading == (
        "a is worse than b: a minus b is -0.1, 95% interval -0.1227 to -0.07733, adjusted p 0.00026 (3 and 3 runs)."
    )


@pytest.mark.parametrize("runs", [1, 2])
def test_fewer_than_three_runs_are_inconclusive_however_large_the_difference(runs):
    result = verdict(a_comparison(0.95, 0.05, runs=runs, margin=0.01, chance=0.25))
    assert result.word == Word.INCONCLUSIVE
    assert "needs at least 3 in each arm" in result.reading


def test_fewer_than_three_runs_are_inconclusive_even_at_the_floor():
    assert verdict(a_comparison(0.0, 0.0, runs=1, chance=0.0)).word == Word.INCONCLUSIVE


def test_runs_that_are_copies_are_inconclusive_and_the_seed_is_suspected():
    row = np.arange(50) % 2
    a, b = Arm.of_items("a", [row] * 3), Arm.of_items("b", [0 * row + 1] * 3)
    result = verdict(Comparison(name="q", a=a, b=b))
    assert result.word == Word.INCONCLUSIVE
    assert result.interval is None
    assert "the runs of a are copies of each other: does the seed reach the training?" in result.reading


def test_two_arms_at_chance_are_on_the_floor():
    result = verdict(a_comparison(0.25, 0.25, chance=0.25))
    assert result.word == Word.FLOOR
    assert "can be told from chance (0.25)" in result.reading


def test_no_problem_solved_by_anyone_is_the_floor_of_a_task_without_guessing():
    none = Arm.of_items("a", np.zeros((3, 164)))
    assert verdict(Comparison(name="q", a=none, b=none, chance=0.0, margin=0.5)).word == Word.FLOOR


def test_one_arm_above_chance_is_not_the_floor():
    assert verdict(a_comparison(0.6, 0.25, chance=0.25)).word == Word.BETTER


def test_a_task_without_chance_level_has_no_floor():
    assert verdict(a_comparison(0.25, 0.25)).word == Word.INCONCLUSIVE


@pytest.mark.parametrize(("items", "word"), [(100, Word.INCONCLUSIVE), (1000, Word.EQUIVALENT)])
def test_an_exact_tie_at_the_ceiling_is_equivalent_only_with_enough_items(items, word):
    full = Arm.of_items("a", np.ones((3, items)))
    assert verdict(Comparison(name="q", a=full, b=full, margin=0.01)).word == word


def test_an_exact_tie_of_totals_that_never_vary_is_inconclusive():
    still = totals(0.5, 0.5, 0.5)
    assert verdict(Comparison(name="q", a=still, b=still, margin=0.1)).word == Word.INCONCLUSIVE


def test_a_difference_within_the_margin_is_equivalent_even_when_it_is_real():
    a, b = totals(1.0030, 1.0031, 1.0029), totals(1.0, 1.0001, 0.9999)
    result = verdict(Comparison(name="q", a=a, b=b, margin=0.01))
    assert result.p < 0.001
    assert result.word == Word.EQUIVALENT


def test_equivalence_is_the_narrower_interval_within_the_margin():
    comparison = a_comparison(0.5, 0.5)
    from_interval = verdict(comparison, alpha=0.1).interval  # two-sided 90 % is one-sided 5 % twice
    reach = max(-from_interval.low, from_interval.high)
    just_wider = dataclasses.replace(comparison, margin=reach * 1.001)
    just_narrower = dataclasses.replace(comparison, margin=reach * 0.999)
    assert from_interval.level == pytest.approx(0.9)
    assert verdict(just_wider).word == Word.EQUIVALENT
    assert verdict(just_narrower).word == Word.INCONCLUSIVE


def test_a_family_whose_primary_is_not_shown_is_exploratory_and_confirms_no_difference():
    same, far = a_comparison(0.5, 0.5, name="mmlu"), a_comparison(0.7, 0.3, name="drop", seed=1)
    first, second = family_verdicts([same, far], primary="mmlu")
    assert not first.exploratory
    assert second.exploratory
    assert second.p < 1e-4
    assert second.word == Word.INCONCLUSIVE
    assert "exploratory, since the primary comparison was not shown" in second.reading


def test_a_family_whose_primary_is_shown_may_show_the_others():
    far, farther = a_comparison(0.6, 0.4, name="mmlu"), a_comparison(0.7, 0.3, name="drop", seed=1)
    assert [v.word for v in family_verdicts([farther, far], primary="mmlu")] == [Word.BETTER, Word.BETTER]


def test_a_primary_at_the_floor_holds_back_the_others():
    # Runs this noisy cannot be told from chance, so the task says nothing, and nothing follows from it.
    floor = a_comparison(0.25, 0.25, name="mmlu", chance=0.25)
    far = a_comparison(0.7, 0.3, name="drop", seed=1)
    first, second = family_verdicts([floor, far], primary="mmlu")
    assert (first.word, first.adjusted_p) == (Word.FLOOR, 1.0)
    assert second.exploratory


def test_a_primary_that_could_not_be_evaluated_holds_back_the_others():
    (only,) = family_verdicts([a_comparison(0.7, 0.3)], primary="mmlu", absent=["mmlu"])
    assert (only.adjusted_p, only.exploratory) == (1.0, True)


def test_a_comparison_that_could_not_be_evaluated_keeps_its_place_in_the_family():
    far = a_comparison(0.6, 0.4)
    (alone,), (among,) = family_verdicts([far]), family_verdicts([far], absent=["x", "y"])
    assert among.adjusted_p == pytest.approx(3 * alone.adjusted_p)


def test_equivalence_claims_are_corrected_among_themselves_and_need_no_primary():
    same = a_comparison(0.5, 0.5, name="bbh", margin=0.08, seed=3)
    far = a_comparison(0.5, 0.5, name="mmlu", seed=1)
    (alone,) = family_verdicts([same])
    _, among = family_verdicts([far, same], primary="mmlu")
    assert among.adjusted_equivalence_p == pytest.approx(2 * alone.adjusted_equivalence_p)
    assert among.word == Word.EQUIVALENT


def test_an_empty_family_has_no_verdicts():
    assert family_verdicts([]) == ()


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ({"margin": 0.0}, "margin: 0.0"),
        ({"margin": float("nan")}, "margin: nan"),
        ({"chance": float("inf")}, "chance"),
    ],
)
def test_a_margin_or_chance_that_means_nothing_is_refused(declared, told):
    with pytest.raises(StatisticsError, match=told):
        a_comparison(**declared)


def test_a_comparison_named_twice_and_an_alpha_out_of_range_are_refused():
    with pytest.raises(StatisticsError, match="named twice"):
        family_verdicts([a_comparison(), a_comparison()])
    with pytest.raises(StatisticsError, match="alpha"):
        verdict(a_comparison(), alpha=0.5)


MIRROR = {Word.BETTER: Word.WORSE, Word.WORSE: Word.BETTER}


A_COMPARISON = st.builds(
    a_comparison,
    st.floats(0.2, 0.8),
    st.floats(0.2, 0.8),
    runs=st.integers(1, 6),
    seed=st.integers(0, 1000),
    margin=st.sampled_from([None, 0.01, 0.1]),
    chance=st.sampled_from([None, 0.25]),
)


@given(A_COMPARISON)
@settings(max_examples=80)
def test_exchanging_the_arms_mirrors_the_verdict(forth):
    there, back = verdict(forth), verdict(dataclasses.replace(forth, a=forth.b, b=forth.a))
    assert back.word == MIRROR.get(there.word, there.word)
    assert back.effect == -there.effect
    assert back.adjusted_p == pytest.approx(there.adjusted_p)
    other_way = verdict(dataclasses.replace(forth, higher_is_better=False))
    assert other_way.word == MIRROR.get(there.word, there.word)


def test_a_null_contrast_over_many_experiments_is_called_better_or_worse_in_at_most_one_of_twenty():
    words = [verdict(a_comparison(0.5, 0.5, runs=3, seed=seed)).word for seed in range(400)]
    assert sum(word in MIRROR for word in words) / 400 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_a_verdict_counts_the_items_on_which_either_arm_is_ahead():
    a = Arm.of_items("a", [[1, 1, 0, 0, 1], [1, 0, 0, 0, 1], [1, 1, 0, 1, 1]])
    b = Arm.of_items("b", [[0, 1, 0, 1, 1], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1]])
    result = verdict(Comparison(name="q", a=a, b=b))
    assert (result.higher_a, result.higher_b) == (1, 2)
    assert "over 5 items, a ahead on 1 and b on 2" in result.reading


def test_totals_have_no_items_to_be_ahead_on():
    result = verdict(Comparison(name="q", a=totals(1, 2, 3), b=totals(2, 2.5, 3)))
    assert (result.higher_a, result.higher_b) == (None, None)


def test_an_inconclusive_verdict_says_what_it_could_have_seen():
    result = verdict(a_comparison(0.5, 0.505, runs=3))
    assert result.word == Word.INCONCLUSIVE
    assert result.detectable > abs(result.effect)
    assert f"runs like these mostly show a difference of {result.detectable:.2g}" in result.reading


def test_a_single_run_could_have_seen_nothing_that_can_be_said():
    assert verdict(a_comparison(0.6, 0.4, runs=1)).detectable is None
