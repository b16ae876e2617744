"""How far *these two models* differ on one task, and no word about the data that made them.

Random here: only the items, a sample of the task's problems.  The two models, one run each, are as they are: another
seed may reverse what is found.  For a verdict about data see `runs`.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from assay.statistics.distributions import fair_coin_p, normal_cdf, normal_quantile
from assay.statistics.intervals import Interval
from assay.statistics.scores import FloatArray, StatisticsError, finite, open_share

RESAMPLED_AT_ONCE = 2_000_000  # items drawn at a time: 32 MB


class Ends(StrEnum):
    """How resampled means become the ends of an interval."""

    PERCENTILE = "percentile"
    BCA = "bca"  # bias-corrected and accelerated


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """How to resample.

    Attributes:
        resamples: how often, at least 100.
        ends: how the resampled means become an interval.

    """

    resamples: int = 9999
    ends: Ends = Ends.BCA

    def __post_init__(self) -> None:
        """Refuse too few resamples for an interval's ends."""
        if self.resamples < 100:
            raise StatisticsError(
                "bootstrap, resamples", f"{self.resamples}, expected at least 100", "9999 is a usual choice."
            )


BCA = Bootstrap()


@dataclass(frozen=True, kw_only=True)
class ModelDifference:
    """Two models on the same items.

    Attributes:
        n: items.
        only_a: items on which a scores higher (0/1 scores: that only a solves).
        only_b: items on which b scores higher.
        effect: mean of a - mean of b, in the score's unit.
        interval: for the effect over new items; None where every item differs equally and resampling shows nothing.
        p: two-sided, of "no difference"; None with the interval.
        method: how interval and p were found.

    """

    n: int
    only_a: int
    only_b: int
    effect: float
    interval: Interval | None
    p: float | None
    method: str


def mcnemar(a: ArrayLike, b: ArrayLike, *, level: float = 0.95) -> ModelDifference:
    """Compare 0/1 scores, shape (items,) each, by McNemar's exact test; see `mcnemar_counts`.

    Raises:
        StatisticsError: other scores than 0 and 1, or not the same items.

    """
    first, second = _paired(a, b)
    for name, scores in (("model a", first), ("model b", second)):
        strange = scores[(scores != 0) & (scores != 1)]
        if strange.size:
            raise StatisticsError(
                name, f"score {float(strange[0])!r}, expected 0 or 1", "Use item_bootstrap for graded scores."
            )
    both = int(np.sum((first == 1) & (second == 1)))
    only_a, only_b = int(np.sum(first > second)), int(np.sum(second > first))
    neither = first.size - both - only_a - only_b
    return mcnemar_counts(both=both, only_a=only_a, only_b=only_b, neither=neither, level=level)


def mcnemar_counts(
    *, both: int, only_a: int, only_b: int, neither: int, level: float = 0.95
) -> ModelDifference:
    """Compare two models by how many items both, one or neither of them solves.

    p is the exact two-sided binomial test of the discordant items (McNemar 1947).  The interval is Newcombe's
    square-and-add of Wilson intervals, with his continuity-corrected correlation (1998, Stat. Med. 17:2635, method
    10): it has width even where no item is discordant.  The two methods may disagree at the very edge; p decides.

    Raises:
        StatisticsError: a negative count, or no items.

    """
    open_share("interval level", level)
    n = both + only_a + only_b + neither
    if min(both, only_a, only_b, neither) < 0 or n == 0:
        raise StatisticsError(
            "counts of items",
            f"both={both}, only_a={only_a}, only_b={only_b}, neither={neither}, expected none negative and one positive",
            "Count every item once.",
        )
    share_a, share_b = (both + only_a) / n, (both + only_b) / n
    (low_a, high_a), (low_b, high_b) = _wilson(share_a, n, level), _wilson(share_b, n, level)
    correlation = _correlation(both, only_a, only_b, neither)
    down, up = share_a - low_a, high_a - share_a
    down_b, up_b = share_b - low_b, high_b - share_b
    effect = (only_a - only_b) / n
    interval = Interval(
        low=effect - math.sqrt(max(0.0, down**2 - 2 * correlation * down * up_b + up_b**2)),
        high=effect + math.sqrt(max(0.0, up**2 - 2 * correlation * up * down_b + down_b**2)),
        level=level,
    )
    p = fair_coin_p(only_a, only_a + only_b)
    return ModelDifference(
        n=n, only_a=only_a, only_b=only_b, effect=effect, interval=interval, p=p, method="exact McNemar"
    )


def item_bootstrap(
    a: ArrayLike, b: ArrayLike, *, rng: np.random.Generator, level: float = 0.95, how: Bootstrap = BCA
) -> ModelDifference:
    """Compare graded or 0/1 scores, shape (items,) each, by resampling items, both models' scores together.

    The interval is the percentile one or BCa (Efron 1987); p is the smallest alpha at which it excludes zero, with one
    resample added on either side so that it is never zero (Davison & Hinkley 1997, 4.2).  The same `rng` state gives
    the same answer in whatever order the items come, and the mirrored one with the models exchanged.

    Raises:
        StatisticsError: not the same items, scores that are not finite, or a level not between 0 and 1.

    """
    open_share("interval level", level)
    first, second = _paired(a, b)
    differences, sign = _canonical(first - second)
    effect = float(differences.mean())
    only_a, only_b = int(np.sum(first > second)), int(np.sum(second > first))
    interval: Interval | None = None
    p: float | None = None
    if np.ptp(differences) > 0:
        means = _resampled_means(differences, rng, how.resamples)
        bias, skew = _bias_and_skew(differences, means, effect) if how.ends is Ends.BCA else (0.0, 0.0)
        tail = normal_quantile((1 - level) / 2)
        ends = [normal_cdf(bias + (bias + z) / (1 - skew * (bias + z))) for z in (tail, -tail)]
        low, high = (float(end) for end in np.quantile(means, ends))
        interval = Interval(low=low, high=high, level=level)
        if sign < 0:
            interval = Interval(low=-high, high=-low, level=level)
        p = _inverted_p(means, bias, skew)
    return ModelDifference(
        n=first.size,
        only_a=only_a,
        only_b=only_b,
        effect=sign * effect,
        interval=interval,
        p=p,
        method=f"item bootstrap, {how.ends}, {how.resamples} resamples",
    )


def _paired(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    first, second = finite("model a", a, dimensions=1), finite("model b", b, dimensions=1)
    if first.size != second.size:
        raise StatisticsError(
            "model a and model b",
            f"{first.size} and {second.size} items, expected the same items",
            "Compare only items that both models were scored on.",
        )
    return first, second


def _wilson(share: float, n: int, level: float) -> tuple[float, float]:
    """Wilson's score interval for a share of `n`."""
    z = normal_quantile((1 + level) / 2)
    centre = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (centre - reach) / (1 + z * z / n), (centre + reach) / (1 + z * z / n)


def _correlation(both: int, only_a: int, only_b: int, neither: int) -> float:
    """Newcombe's phi: no less than zero when the small excess may be chance, and zero where a margin is empty."""
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if margins == 0:
        return 0.0
    excess = both * neither - only_a * only_b
    half = (both + only_a + only_b + neither) / 2
    return (min(excess, 0) + max(excess - half, 0)) / math.sqrt(margins)


def _canonical(differences: FloatArray) -> tuple[FloatArray, int]:
    """Sort the differences, negated (sign -1) if that comes later: one form for either order of the models."""
    forward, backward = np.sort(differences), np.sort(-differences)
    unequal = np.flatnonzero(forward != backward)
    if unequal.size and forward[unequal[0]] < backward[unequal[0]]:
        return backward, -1
    return forward, 1


def _resampled_means(differences: FloatArray, rng: np.random.Generator, resamples: int) -> FloatArray:
    rows = max(1, RESAMPLED_AT_ONCE // differences.size)
    means = np.empty(resamples)
    for start in range(0, resamples, rows):
        part = means[start : start + rows]
        part[:] = differences[rng.integers(differences.size, size=(part.size, differences.size))].mean(axis=1)
    return means


def _bias_and_skew(differences: FloatArray, means: FloatArray, effect: float) -> tuple[float, float]:
    """BCa's bias correction z0 and acceleration, the latter by its closed form for a mean."""
    centred = differences - effect
    skew = float(np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5))
    return normal_quantile(_share_below(means, effect)), skew


def _share_below(means: FloatArray, value: float) -> float:
    """Share of resamples below `value`, ties by half, one resample added on either side."""
    below = float(np.sum(means < value) + np.sum(means == value) / 2)
    return (below + 1) / (means.size + 2)


def _inverted_p(means: FloatArray, bias: float, skew: float) -> float:
    """Two-sided p at which the interval's end would be zero: BCa's formula solved for its normal quantile."""
    beyond = normal_quantile(_share_below(means, 0.0)) - bias
    z = beyond / (1 + skew * beyond) - bias
    return min(1.0, 2 * normal_cdf(-abs(z)))
