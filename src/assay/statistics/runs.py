"""How far two arms differ, as a statement about their *data*.

The question is whether new trainings, on new items, would say the same.

Model.  Score of run r of arm a on item i: y_ari = mu_a + run_ar + item_i + (arm x item)_ai + rest_ari.
Random: runs (new trainings, independent within and between arms), items (a sample of the task's problems, the same
for all), and the rest (run x item, decoding noise).  Fixed: the arms.  Variances may differ between arms.
Replicates that share a seed across arms are treated as independent, which errs on the safe side.

The effect is mu_a - mu_b, estimated by the difference of means of run means.  `item_i` cancels, and the variance is

    V = S_a^2 / R_a + S_b^2 / R_b + max(0, S_D^2 / I - M_a / (R_a I) - M_b / (R_b I))

S_a^2 is the variance of arm a's run means, S_D^2 the variance over items of the per-item mean differences, and M_a
arm a's run x item mean square.  S_a^2 holds Var(run) + Var(rest) / I and S_D^2 holds Var(arm x item) +
Var(rest) / R: subtracting M counts the rest once.  This is the random-effects analysis of several readers and cases
(Obuchowski & Rockette 1995) with readers nested in arms, the truncation at zero and the dropping of a truncated part's
degrees of freedom as in Hillis (2007, Stat. Med. 26:596).  Degrees of freedom: Satterthwaite (1946).  Without items
what is left is Welch's test (1947).

Groups.  Where a task is made of groups (subjects), those are fixed, and its items a sample of each group's: the task's
score is a weighted mean of group means, by size (micro) or equal (macro).  Item scores come scaled, so that their plain
mean is the task's score; then every variance over items above is the sum over groups of (I_g / I)^2 times the same
within the group, each with its own degrees of freedom.  One group gives the formula above.

Two cautions beyond the textbook, both only ever widening the interval:

- Var(run) is not negative, so S_a^2 is taken as at least M_a / I.  Otherwise three runs that agree by luck pass for
  certainty.
- Welch's degrees of freedom are known to be optimistic for few runs in one arm and many in the other (3 against 10
  runs: 6.4 % false positives at a nominal 5 %).  Those of the runs' part are capped at 2 (min(R_a, R_b) - 1), which
  equal numbers of runs never reach.  With equal run variance the rate is then at most 5 %.  What remains is the known
  excess of Welch's test at three runs when one arm varies several times as much as the other: below 6.6 %.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.statistics.distributions import t_cdf, t_quantile
from assay.statistics.intervals import Interval
from assay.statistics.scores import (
    Arm,
    FloatArray,
    Places,
    StatisticsError,
    item_count,
    open_share,
    within_unit,
)

ROUNDING = 1e-12  # standard errors below this share of the largest score are rounding, not variation


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean or a difference of means, with how sure one can be of it.

    Attributes:
        effect: the estimate, in the score's unit.
        standard_error: its standard error over new runs and new items; None where the scores cannot tell:
            an arm with one run, an arm whose runs are copies of each other, or no variation at all in totals.
        df: Satterthwaite's degrees of freedom; None with the standard error.
        run_variance: the part of the error's square that comes from runs.
        item_variance: the part that comes from the items, beyond what the runs' part already holds.

    """

    effect: float
    standard_error: float | None
    df: float | None
    run_variance: float = 0.0
    item_variance: float = 0.0

    def interval(self, level: float) -> Interval | None:
        """Return the two-sided interval at `level` (0.95 for 95 %), or None without a standard error."""
        open_share("interval level", level)
        if self.standard_error is None or self.df is None:
            return None
        reach = t_quantile((1 + level) / 2, self.df) * self.standard_error
        return Interval(low=self.effect - reach, high=self.effect + reach, level=level)

    def p_different(self) -> float | None:
        """Two-sided p of "the effect is zero", or None without a standard error."""
        if self.standard_error is None or self.df is None:
            return None
        return min(1.0, 2 * t_cdf(-abs(self.effect) / self.standard_error, self.df))

    def p_beyond(self, margin: float) -> float | None:
        """Return p of "the effect is at least `margin` in size": two one-sided tests (Schuirmann 1987).

        It is at most alpha exactly when the (1 - 2 alpha) interval lies within -margin .. margin.
        None without a standard error.
        """
        if self.standard_error is None or self.df is None:
            return None
        return t_cdf((abs(self.effect) - margin) / self.standard_error, self.df)


_ROUNDING = 1e-9  # what is left of a difference of equals, whatever the order in which its terms were added


def difference(a: Arm, b: Arm) -> Estimate:
    """Estimate mean(a) - mean(b); the arms may have different numbers of runs, never different items.

    Raises:
        StatisticsError: the arms were not scored on the same items.

    """
    item_count((a, b))
    per_item = None if a.items is None or b.items is None else a.items.mean(axis=0) - b.items.mean(axis=0)
    return _estimate((a, b), effect=a.mean - b.mean, per_item=per_item)


def above(arm: Arm, level: float) -> Estimate:
    """Estimate mean(arm) - level, for a fixed `level` such as a task's chance score.

    Raises:
        StatisticsError: the level is not finite.

    """
    if not math.isfinite(level):
        raise StatisticsError(
            f"arm {arm.name}", f"level {level!r}, expected a finite number", "Give the task's chance score."
        )
    per_item = None if arm.items is None else arm.items.mean(axis=0)
    return _estimate((arm,), effect=arm.mean - level, per_item=per_item)


def _estimate(arms: Sequence[Arm], *, effect: float, per_item: FloatArray | None) -> Estimate:
    """Put the parts together; `per_item` is what varies over items: the differences, or one arm's means."""
    unknown = Estimate(effect=effect, standard_error=None, df=None)
    if any(arm.runs < 2 or arm.copies for arm in arms):
        return unknown
    runs, runs_df = _run_part(arms)
    items, items_df = (0.0, math.inf) if per_item is None else _item_part(arms, per_item)
    variance = runs + items
    largest = max(float(np.abs(arm.means if arm.items is None else arm.items).max()) for arm in arms)
    if variance > (ROUNDING * largest) ** 2:
        df = 1 / ((runs / variance) ** 2 / runs_df + (items / variance) ** 2 / items_df)
        return Estimate(
            effect=effect, standard_error=math.sqrt(variance), df=df, run_variance=runs, item_variance=items
        )
    if per_item is None or not within_unit(arms):
        return unknown
    # A task at its floor or ceiling: nothing varied, but the next item might.  One item's worth of standard error
    # at the fewest degrees of freedom gives a 90 % interval close to the "rule of three", 3 / items.
    step = 1 / per_item.size
    return Estimate(
        effect=effect, standard_error=step, df=min(arm.runs for arm in arms) - 1, item_variance=step**2
    )


def _run_part(arms: Sequence[Arm]) -> tuple[float, float]:
    """Variance of the effect that comes from runs, and its degrees of freedom."""
    variances = [_between_runs(arm) / arm.runs for arm in arms]
    total = sum(variances)
    fewest = len(arms) * (min(arm.runs for arm in arms) - 1)
    if total == 0:
        return 0.0, float(fewest)
    # Shares, not squares, so that tiny variances cannot underflow.
    shares = sum(
        (variance / total) ** 2 / (arm.runs - 1) for variance, arm in zip(variances, arms, strict=True)
    )
    return total, min(1 / shares, float(fewest))


def _between_runs(arm: Arm) -> float:
    """Variance between the arm's run means, at least what the run x item residual alone makes of it."""
    between = float(arm.means.var(ddof=1))
    return max(between, residual_variance(arm))


def residual_variance(arm: Arm) -> float:
    """Return what neither runs nor items explain of the variance of one of the arm's run means; 0 without items."""
    return sum(part for part, _ in _residual(arm))


def _item_part(arms: Sequence[Arm], per_item: FloatArray) -> tuple[float, float]:
    """Variance of the effect that comes from items beyond the runs' part, and its degrees of freedom."""
    whole = [
        (float(per_item[places].var(ddof=1)) * _share(places, per_item.size), places.size - 1)
        for places in arms[0].strata
    ]
    counted = [(part / arm.runs, df) for arm in arms for part, df in _residual(arm)]
    total = sum(part for part, _ in whole)
    left = total - sum(part for part, _ in counted)
    if left <= total * _ROUNDING:
        return 0.0, math.inf
    spread = sum((part / left) ** 2 / df for part, df in (*whole, *counted))
    return left, 1 / spread


def _residual(arm: Arm) -> list[tuple[float, int]]:
    """Return what neither the run's mean nor the item's explains: by stratum, its part of a run mean's variance, and df."""
    if arm.items is None:
        return []
    parts = []
    for places in arm.strata:
        items = arm.items[:, places]
        rest = items - items.mean(axis=1, keepdims=True) - items.mean(axis=0, keepdims=True) + items.mean()
        df = (arm.runs - 1) * (places.size - 1)
        parts.append((float(np.square(rest).sum()) / df * _share(places, arm.items.shape[1]), df))
    return parts


def _share(places: Places, items: int) -> float:
    """Return what a stratum's variance per item counts for in the variance of the mean over all items."""
    return places.size / items**2
