"""Did the difference matter?  One word per comparison, with all that it rests on.

The words, in the order they are tried:

- `inconclusive`, when no verdict about data can be had: fewer than three runs in an arm, runs that are copies of each
  other, or scores without any variation to judge by.
- `floor`: neither arm can be told from the task's chance level, so the task says nothing about their difference.
- `equivalent`: two one-sided tests put the difference within the declared margin.  It goes before better and worse:
  a difference that is real, and too small to matter by one's own margin, is equivalent.
- `better` or `worse`: a than b, in the direction that the task calls good, at the family's adjusted p; `higher` or
  `lower` where neither direction is good in itself, as with a refusal rate.
- `inconclusive` otherwise.

Differences are one family, claims of equivalence another, each with its own error rate alpha; the primary leads the
first (`families`), the second is Holm's alone, since "no harm elsewhere" is worth knowing whatever became of the primary.
A comparison that ends in the first two words cannot open the gate: it counts with p = 1.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from assay.statistics.families import holm, primary_then_holm
from assay.statistics.intervals import Interval
from assay.statistics.power import design_of, minimum_detectable_difference
from assay.statistics.runs import ROUNDING, Estimate, above, difference
from assay.statistics.scores import Arm, StatisticsError, item_count
from assay.statistics.words import LEAST_RUNS, Word, directed


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """One question: arm a against arm b on one task.

    Attributes:
        name: what the family calls it, such as `refusals/instructeval_mmlu`.
        a: the first arm.
        b: the second arm, scored on the same items.
        margin: differences smaller than this do not matter, in the score's unit; None: nothing is called equivalent.
        chance: the score of guessing; None: the task has none, and no floor.
        higher_is_better: False for losses and error rates; None: neither direction is good in itself.

    """

    name: str
    a: Arm
    b: Arm
    margin: float | None = None
    chance: float | None = None
    higher_is_better: bool | None = True

    def __post_init__(self) -> None:
        """Refuse what cannot be compared."""
        item_count((self.a, self.b))
        if self.margin is not None and not (math.isfinite(self.margin) and self.margin > 0):
            raise StatisticsError(
                f"comparison {self.name}, margin",
                f"{self.margin!r}, expected a positive number",
                "Leave the margin out where no difference is too small to matter.",
            )
        if self.chance is not None and not math.isfinite(self.chance):
            raise StatisticsError(
                f"comparison {self.name}, chance",
                f"{self.chance!r}, expected a finite number",
                "Leave chance out where the task has no chance level.",
            )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is known about one comparison.  Means, effect, interval and margin are in the score's unit.

    Attributes:
        name: the comparison's.
        a: the first arm's name.
        b: the second arm's name.
        word: the verdict.
        reading: the same in one sentence.
        items: how many items every run was scored on; None where runs have only a total.
        higher_a: items on which a's mean over runs is higher (0/1 scores: that more of a's runs solve); None without items.
        higher_b: items on which b's mean over runs is higher.
        runs_a: runs of a.
        runs_b: runs of b.
        mean_a: mean of a.
        mean_b: mean of b.
        effect: mean_a - mean_b, whichever direction is good.
        interval: for the effect, at 1 - alpha, not widened for the family; None where the scores allow none.
        p: of "no difference", two-sided, by itself; None with the interval.
        adjusted_p: the same within the family.
        df: Satterthwaite's degrees of freedom; None with the interval.
        margin: what counts as too small to matter, if declared.
        equivalence_p: of "the difference is at least the margin"; None without margin or interval.
        detectable: the least true difference that such runs and items, varying as these did, show with chance 0.8 by
            themselves; None without an interval.
        adjusted_equivalence_p: the same within the family's claims of equivalence; None without a margin.
        exploratory: the family's primary comparison was not shown, so this one cannot confirm a difference.

    """

    name: str
    a: str
    b: str
    word: Word
    reading: str
    items: int | None
    higher_a: int | None
    higher_b: int | None
    runs_a: int
    runs_b: int
    mean_a: float
    mean_b: float
    effect: float
    interval: Interval | None
    p: float | None
    adjusted_p: float
    df: float | None
    margin: float | None
    equivalence_p: float | None
    adjusted_equivalence_p: float | None
    exploratory: bool
    detectable: float | None


@dataclass(frozen=True, kw_only=True)
class _Finding:
    """A comparison with what can be said before the family is known."""

    comparison: Comparison
    estimate: Estimate
    silence: Word | None  # the word, when no test may speak
    doubt: str  # why

    def p(self) -> float:
        p = self.estimate.p_different()
        return 1.0 if p is None or self.silence else p

    def equivalence_p(self) -> float | None:
        return None if self.comparison.margin is None else self.estimate.p_beyond(self.comparison.margin)

    def counted_equivalence_p(self) -> float:
        p = self.equivalence_p()
        return 1.0 if p is None or self.silence else p


@dataclass(frozen=True, kw_only=True)
class _Corrected:
    """What the family makes of one finding's p-values."""

    p: float
    equivalence_p: float | None
    exploratory: bool
    alpha: float


def verdict(comparison: Comparison, *, alpha: float = 0.05) -> Verdict:
    """Judge one comparison that stands alone.

    Raises:
        StatisticsError: alpha does not lie between 0 and 0.5.

    """
    (only,) = family_verdicts([comparison], alpha=alpha)
    return only


def family_verdicts(
    comparisons: Sequence[Comparison],
    *,
    primary: str | None = None,
    absent: Collection[str] = (),
    alpha: float = 0.05,
) -> tuple[Verdict, ...]:
    """Judge a declared family, in the order given, the primary first in line for the error rate.

    `absent` names declared comparisons that have no scores, because a stage failed: they keep their places in the family.
    `alpha` is the chance of any false difference in the family, and separately of any false equivalence.

    Raises:
        StatisticsError: a name twice, a primary that is not declared, or alpha outside 0 .. 0.5.

    """
    if not 0 < alpha < 0.5:
        raise StatisticsError(
            "alpha", f"{alpha!r}, expected a number between 0 and 0.5", "A usual choice is 0.05."
        )
    names = [comparison.name for comparison in comparisons] + list(absent)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise StatisticsError(
            "comparisons", f"{twice} named twice, expected each once", "Give each its own name."
        )
    findings = [_finding(comparison, alpha) for comparison in comparisons]
    counted = {finding.comparison.name: finding.p() for finding in findings} | dict.fromkeys(absent, 1.0)
    adjusted = primary_then_holm(counted, primary=primary)
    within = holm([finding.counted_equivalence_p() for finding in findings] + [1.0] * len(absent))
    shown = primary is None or adjusted[primary] <= alpha
    return tuple(
        _judge(
            finding,
            _Corrected(
                p=adjusted[finding.comparison.name],
                equivalence_p=None if finding.comparison.margin is None else equivalence_p,
                exploratory=not shown and finding.comparison.name != primary,
                alpha=alpha,
            ),
        )
        for finding, equivalence_p in zip(findings, within[: len(findings)], strict=True)
    )


def _finding(comparison: Comparison, alpha: float) -> _Finding:
    estimate = difference(comparison.a, comparison.b)
    silence: Word | None = None
    doubt = _too_few_runs(comparison)
    if doubt:
        silence = Word.INCONCLUSIVE
    elif _at_floor(comparison, alpha):
        silence = Word.FLOOR
    else:
        doubt = _copies(comparison) or _no_variation(estimate)
        silence = Word.INCONCLUSIVE if doubt else None
    return _Finding(comparison=comparison, estimate=estimate, silence=silence, doubt=doubt)


def _too_few_runs(comparison: Comparison) -> str:
    few = [arm for arm in (comparison.a, comparison.b) if arm.runs < LEAST_RUNS]
    told = " and ".join(f"{arm.name} has {arm.runs} run{'' if arm.runs == 1 else 's'}" for arm in few)
    return f"{told}, and a verdict about data needs at least {LEAST_RUNS} in each arm" if few else ""


def _copies(comparison: Comparison) -> str:
    same = " and of ".join(arm.name for arm in (comparison.a, comparison.b) if arm.copies)
    return f"the runs of {same} are copies of each other: does the seed reach the training?" if same else ""


def _no_variation(estimate: Estimate) -> str:
    return (
        ""
        if estimate.standard_error is not None
        else "the scores do not vary, so nothing says how sure they are"
    )


def _at_floor(comparison: Comparison, alpha: float) -> bool:
    """Whether each arm's own interval at 1 - alpha holds the chance level."""
    if comparison.chance is None:
        return False
    for arm in (comparison.a, comparison.b):
        estimate = above(arm, comparison.chance)
        interval = estimate.interval(1 - alpha)
        if not (
            math.isclose(estimate.effect, 0, abs_tol=1e-12) or (interval is not None and interval.covers(0))
        ):
            return False
    return True


def _judge(finding: _Finding, corrected: _Corrected) -> Verdict:
    comparison, estimate = finding.comparison, finding.estimate
    word = finding.silence or _word(finding, corrected)
    higher_a, higher_b = _discordant(comparison)
    return Verdict(
        name=comparison.name,
        a=comparison.a.name,
        b=comparison.b.name,
        word=word,
        reading=_reading(finding, corrected, word),
        items=item_count((comparison.a, comparison.b)),
        higher_a=higher_a,
        higher_b=higher_b,
        runs_a=comparison.a.runs,
        runs_b=comparison.b.runs,
        mean_a=comparison.a.mean,
        mean_b=comparison.b.mean,
        effect=estimate.effect,
        interval=estimate.interval(1 - corrected.alpha),
        p=estimate.p_different(),
        adjusted_p=corrected.p,
        df=estimate.df,
        margin=comparison.margin,
        equivalence_p=finding.equivalence_p(),
        adjusted_equivalence_p=corrected.equivalence_p,
        exploratory=corrected.exploratory,
        detectable=_detectable(comparison, estimate, corrected.alpha),
    )


def _discordant(comparison: Comparison) -> tuple[int | None, int | None]:
    """Count the items on which one arm is ahead; means over runs that differ by rounding alone do not."""
    a, b = comparison.a.items, comparison.b.items
    if a is None or b is None:
        return None, None
    ahead = a.mean(axis=0) - b.mean(axis=0)
    least = ROUNDING * max(float(np.abs(a).max()), float(np.abs(b).max()))
    return int(np.sum(ahead > least)), int(np.sum(ahead < -least))


def _detectable(comparison: Comparison, estimate: Estimate, alpha: float) -> float | None:
    if estimate.standard_error is None:
        return None
    return minimum_detectable_difference(design_of(comparison.a, comparison.b), alpha=alpha)


def _word(finding: _Finding, corrected: _Corrected) -> Word:
    if corrected.equivalence_p is not None and corrected.equivalence_p <= corrected.alpha:
        return Word.EQUIVALENT
    if corrected.p > corrected.alpha:
        return Word.INCONCLUSIVE
    return directed(finding.estimate.effect, finding.comparison.higher_is_better)


def _reading(finding: _Finding, corrected: _Corrected, word: Word) -> str:
    """One sentence, the finding before the evidence."""
    comparison = finding.comparison
    a, b = comparison.a, comparison.b
    evidence = _evidence(finding, corrected)
    match word:
        case Word.FLOOR:
            return (
                f"Neither {a.name} ({a.mean:.4g}) nor {b.name} ({b.mean:.4g}) can be told from chance"
                f" ({comparison.chance:.4g}), so this task says nothing about their difference."
            )
        case Word.EQUIVALENT:
            return (
                f"{a.name} and {b.name} differ by less than the margin {comparison.margin:.4g}: {evidence}."
            )
        case Word.BETTER | Word.WORSE | Word.HIGHER | Word.LOWER:
            return f"{a.name} is {word} than {b.name}: {evidence}."
        case Word.INCONCLUSIVE:
            least = _detectable(comparison, finding.estimate, corrected.alpha)
            seen = "" if least is None else f"; runs like these mostly show a difference of {least:.2g}"
            why = finding.doubt or f"{evidence}{seen}"
            gate = (
                "; exploratory, since the primary comparison was not shown" if corrected.exploratory else ""
            )
            return f"Whether {a.name} or {b.name} is better stays open: {why}{gate}."


def _evidence(finding: _Finding, corrected: _Corrected) -> str:
    comparison, estimate = finding.comparison, finding.estimate
    a, b = comparison.a, comparison.b
    told = f"{a.name} minus {b.name} is {estimate.effect:.4g}"
    interval = estimate.interval(1 - corrected.alpha)
    if interval is not None:
        told += f", {interval.told}"
    items = item_count((a, b))
    higher_a, higher_b = _discordant(comparison)
    over = (
        ""
        if items is None
        else f" over {items} items, {a.name} ahead on {higher_a} and {b.name} on {higher_b}"
    )
    return f"{told}, adjusted p {corrected.p:.2g} ({a.runs} and {b.runs} runs{over})"
