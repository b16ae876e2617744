"""Figures that each run has one of, against zero or what a theory says: a derived measure, or how much a score moves with a dose.

The question is whether new trainings would put the figure on the same side of it; the words and the error rates are
those of `verdicts`, without a primary. With items the figure is a mean over them, and they are random as in `runs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from assay.statistics.families import holm
from assay.statistics.intervals import Interval
from assay.statistics.runs import Estimate, above
from assay.statistics.scores import Arm
from assay.statistics.words import LEAST_RUNS, Word, directed


@dataclass(frozen=True, kw_only=True, eq=False)
class Level:
    """One question: whether a figure is above or below zero, or another value.

    Attributes:
        subject: how a sentence calls the figure.
        figures: a figure per run, or one per run and item.
        margin: figures nearer to it than this do not matter; None: nothing is called equivalent to it.
        higher_is_better: whether above it is good; None: neither side is good in itself.
        against: the value itself.

    """

    subject: str
    figures: Arm
    margin: float | None
    higher_is_better: bool | None
    against: float = 0.0

    @property
    def value(self) -> str:
        """How a sentence calls what it is held against."""
        return f"{self.against:g}" if self.against else "zero"


@dataclass(frozen=True, kw_only=True)
class LevelVerdict:
    """What is known about one figure; the members are those of `verdicts.Verdict`, the effect is from what it is held against."""

    word: Word
    reading: str
    effect: float
    interval: Interval | None
    df: float | None
    p: float | None
    adjusted_p: float
    margin: float | None
    equivalence_p: float | None
    adjusted_equivalence_p: float | None


def level_verdicts(
    levels: Sequence[Level], *, absent: int = 0, family: bool = True, alpha: float = 0.05
) -> tuple[LevelVerdict, ...]:
    """Judge figures, in the order given; `absent` more that were asked about and have no runs keep their places.

    Without `family` each stands alone.
    """
    estimates = [above(level.figures, level.against) for level in levels]
    doubts = [_doubt(level.figures, estimate) for level, estimate in zip(levels, estimates, strict=True)]
    apart = [
        None if level.margin is None else estimate.p_beyond(level.margin)
        for level, estimate in zip(levels, estimates, strict=True)
    ]
    adjusted = _adjusted([one.p_different() for one in estimates], doubts, absent=absent, family=family)
    nearer = _adjusted(apart, doubts, absent=absent, family=family)
    return tuple(
        _judge(
            level,
            estimate,
            doubt=doubt,
            ps=(p, None if level.margin is None else equivalent),
            alpha=alpha,
        )
        for level, estimate, doubt, p, equivalent in zip(
            levels, estimates, doubts, adjusted, nearer, strict=True
        )
    )


def _doubt(figures: Arm, estimate: Estimate) -> str:
    """Say why no test may speak, or nothing."""
    if figures.runs < LEAST_RUNS:
        runs = f"{figures.runs} run{'' if figures.runs == 1 else 's'}"
        return f"there {'is' if figures.runs == 1 else 'are'} {runs}, and a verdict about data needs at least {LEAST_RUNS}"
    if figures.copies:
        return "the runs are copies of each other: does the seed reach the training?"
    return (
        ""
        if estimate.standard_error is not None
        else "the figures do not vary, so nothing says how sure they are"
    )


def _adjusted(
    found: Sequence[float | None], doubts: Sequence[str], *, absent: int, family: bool
) -> tuple[float, ...]:
    """Correct p-values; what could not be tested counts with p = 1."""
    alone = tuple(1.0 if p is None or doubt else p for p, doubt in zip(found, doubts, strict=True))
    return holm([*alone, *[1.0] * absent])[: len(alone)] if family else alone


def _judge(
    level: Level, estimate: Estimate, *, doubt: str, ps: tuple[float, float | None], alpha: float
) -> LevelVerdict:
    p, equivalence_p = ps
    word = Word.INCONCLUSIVE
    if not doubt and equivalence_p is not None and equivalence_p <= alpha:
        word = Word.EQUIVALENT
    elif not doubt and p <= alpha:
        word = directed(estimate.effect, level.higher_is_better)
    interval = estimate.interval(1 - alpha)
    return LevelVerdict(
        word=word,
        reading=_reading(level, word, doubt, _evidence(level, estimate, interval, p)),
        effect=estimate.effect,
        interval=interval,
        df=estimate.df,
        p=estimate.p_different(),
        adjusted_p=p,
        margin=level.margin,
        equivalence_p=None if level.margin is None else estimate.p_beyond(level.margin),
        adjusted_equivalence_p=equivalence_p,
    )


def _reading(level: Level, word: Word, doubt: str, evidence: str) -> str:
    match word:
        case Word.INCONCLUSIVE:
            return f"Whether {level.subject} is above or below {level.value} stays open: {doubt or evidence}."
        case Word.EQUIVALENT:
            return f"{_begun(level.subject)} is within {level.margin:.4g} of {level.value}: {evidence}."
        case _:
            side = "above" if level.figures.mean > level.against else "below"
            return f"{_begun(level.subject)} is {side} {level.value}: {evidence}."


def _evidence(level: Level, estimate: Estimate, interval: Interval | None, p: float) -> str:
    told = f"{estimate.effect + level.against:.4g}"
    if interval is not None:
        told += f", {interval.moved(level.against).told}"
    items = level.figures.items
    over = "" if items is None else f" over {items.shape[1]} items"
    return f"{told}, adjusted p {p:.2g} ({level.figures.runs} runs{over})"


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]
