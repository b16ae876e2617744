"""How far *these two models* differ on one task, and no word about the data that made them.

Random here: only the items, a sample of the task's problems.  The two models, one run each, are as they are: another
seed may reverse what is found.  For a verdict about data see `runs`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.statistics.distributions import fair_coin_p, normal_cdf, normal_quantile
from assay.statistics.intervals import Interval
from assay.statistics.scores import FloatArray, StatisticsError, finite, open_share, strata

LOOKED_UP_AT_ONCE = 65_536  # differences: what fits a cache
FLIPS = 9999
_FEW = 64  # values that differences of scores may have to be counted rather than drawn
_BLOCK = 256  # differences that a byte tells apart
_ROUNDING = 1e-12


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
        level: how often such intervals are to cover the truth.

    """

    resamples: int = 9999
    ends: Ends = Ends.BCA
    level: float = 0.95

    def __post_init__(self) -> None:
        """Refuse too few resamples for an interval's ends, and a level that is none."""
        open_share("interval level", self.level)
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


def sign_flips(a: ArrayLike, b: ArrayLike, *, rng: np.random.Generator, flips: int = FLIPS) -> float:
    """Return the two-sided p of "which model gave which score of an item is chance", for graded or 0/1 scores.

    The paired permutation test: the two scores of every item are exchanged or not, at random, so often; the observed
    exchange counts as one, so that p is never zero (Phipson & Smyth 2010).  Of 0/1 scores `mcnemar` is its exact form.

    Raises:
        StatisticsError: not the same items, or scores that are not finite.

    """
    first, second = _paired(a, b)
    sizes, counts = np.unique(np.abs(first - second), return_counts=True)
    sums = np.zeros(flips)
    for size, count in zip(sizes, counts, strict=True):
        if size > 0:
            sums += size * (2 * rng.binomial(count, 0.5, size=flips) - count)
    observed = abs(float((first - second).sum()))
    as_far = int(np.sum(np.abs(sums) >= observed * (1 - _ROUNDING) - _ROUNDING))
    return (as_far + 1) / (flips + 1)


def item_bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    *,
    rng: np.random.Generator,
    groups: Sequence[str] | None = None,
    how: Bootstrap = BCA,
) -> ModelDifference:
    """Compare graded or 0/1 scores, shape (items,) each, by resampling items, both models' scores together.

    Of a task made of groups, which `groups` names for every item, as many items are drawn from each as it has.

    The interval is the percentile one or BCa (Efron 1987); p is the smallest alpha at which it excludes zero, with one
    resample added on either side so that it is never zero (Davison & Hinkley 1997, 4.2).  The same `rng` state gives
    the same answer in whatever order the items come, and the mirrored one with the models exchanged.

    Raises:
        StatisticsError: not the same items, or scores that are not finite.

    """
    first, second = _paired(a, b)
    places = strata("groups of items", first.size, groups)
    apart = _without_rounding(first - second)
    parts, sign = _canonical([apart[one] for one in places])
    differences = np.concatenate(parts)
    effect = float(differences.mean())
    only_a, only_b = int(np.sum(first > second)), int(np.sum(second > first))
    interval: Interval | None = None
    p: float | None = None
    if any(np.ptp(part) > 0 for part in parts):
        means = sum((_resampled_sums(part, rng, how.resamples) for part in parts), np.zeros(how.resamples))
        means /= differences.size
        bias, skew = _bias_and_skew(parts, means, effect) if how.ends is Ends.BCA else (0.0, 0.0)
        tail = normal_quantile((1 - how.level) / 2)
        ends = [normal_cdf(bias + (bias + z) / (1 - skew * (bias + z))) for z in (tail, -tail)]
        low, high = (float(end) for end in np.quantile(means, ends))
        interval = Interval(low=low, high=high, level=how.level)
        if sign < 0:
            interval = Interval(low=-high, high=-low, level=how.level)
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


def _without_rounding(differences: FloatArray) -> FloatArray:
    """Make differences equal that differ by no more than the order in which they were computed."""
    unit = _ROUNDING * float(np.abs(differences).max())
    return differences if unit == 0 else np.round(differences / unit) * unit


def _canonical(parts: Sequence[FloatArray]) -> tuple[list[FloatArray], int]:
    """Sort the differences, negated (sign -1) if that comes later: one form for either order of the models."""
    forward, backward = [np.sort(part) for part in parts], [np.sort(-part) for part in parts]
    one, other = np.concatenate(forward), np.concatenate(backward)
    unequal = np.flatnonzero(one != other)
    if unequal.size and one[unequal[0]] < other[unequal[0]]:
        return backward, -1
    return forward, 1


def _resampled_sums(differences: FloatArray, rng: np.random.Generator, resamples: int) -> FloatArray:
    """Draw as many differences as there are, so often, and add each draw up.

    How many fall into each block of a byte's size is a multinomial count, and which ones they are, given that, a byte
    each: the same distribution as of single draws, from a quarter of the random bits and a table that stays in cache.
    """
    values, counts = np.unique(differences, return_counts=True)
    if values.size <= _FEW:  # how often each value is drawn says all, and takes no time
        times = rng.multinomial(differences.size, counts / differences.size, size=resamples)
        return np.asarray(times @ values, dtype=np.float64)
    starts = np.arange(0, differences.size, _BLOCK)
    sizes = np.diff(starts, append=differences.size)
    times = rng.multinomial(differences.size, sizes / differences.size, size=resamples)
    sums = np.zeros(resamples)
    for start, drawn in zip(starts, times.T, strict=True):
        block = differences[start : start + _BLOCK]
        which = rng.integers(block.size, size=int(drawn.sum()), dtype=np.uint8)
        sums += _added_up(block, which, drawn)
    return sums


def _added_up(block: FloatArray, which: NDArray[np.uint8], drawn: NDArray[np.int64]) -> FloatArray:
    """Add up, for each resample, the differences at the places drawn for it, which follow one another in `which`."""
    sums = np.zeros(drawn.size)
    ends = drawn.cumsum()
    at_once = max(1, LOOKED_UP_AT_ONCE // _BLOCK)
    for first in range(0, drawn.size, at_once):
        some = first + np.flatnonzero(drawn[first : first + at_once])  # an empty sum is no slice for reduceat
        if some.size:
            begins = ends[some] - drawn[some]
            looked_up = block.take(which[begins[0] : ends[some[-1]]])
            sums[some] = np.add.reduceat(looked_up, begins - begins[0])
    return sums


def _bias_and_skew(parts: Sequence[FloatArray], means: FloatArray, effect: float) -> tuple[float, float]:
    """BCa's bias correction z0 and acceleration, the latter by its closed form for a mean."""
    centred = np.concatenate([part - part.mean() for part in parts])
    skew = float(np.sum(centred**3) / (6 * np.sum(centred**2) ** 1.5))
    return normal_quantile(_share_below(means, effect)), skew


def _share_below(means: FloatArray, value: float) -> float:
    """Share of resamples below `value`, ties by half, one resample added on either side."""
    near = _ROUNDING * float(np.abs(means).max())
    ties = np.abs(means - value) <= near
    below = float(np.sum((means < value) & ~ties) + np.sum(ties) / 2)
    return (below + 1) / (means.size + 2)


def _inverted_p(means: FloatArray, bias: float, skew: float) -> float:
    """Two-sided p at which the interval's end would be zero: BCa's formula solved for its normal quantile."""
    beyond = normal_quantile(_share_below(means, 0.0)) - bias
    z = beyond / (1 + skew * beyond) - bias
    return min(1.0, 2 * normal_cdf(-abs(z)))
