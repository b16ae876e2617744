"""What a comparison could have seen, and what it would take to see it.

Planning figures: they treat the variances as known and so promise a little more than a small experiment keeps.
"""

import math
from dataclasses import dataclass

import numpy as np

from assay.statistics.distributions import noncentral_t_cdf, noncentrality, normal_quantile, t_quantile
from assay.statistics.runs import difference
from assay.statistics.scores import Arm, StatisticsError, open_share


@dataclass(frozen=True, kw_only=True)
class Design:
    """How large a comparison of data is, and how much its scores vary.

    Attributes:
        runs_a: runs of the first arm, at least 2.
        runs_b: runs of the second arm, at least 2.
        run_sd: standard deviation of an arm's run means, in the score's unit.
        items: items every run is scored on; None where runs have only totals.
        item_sd: standard deviation over items of how much more an item favours one arm than the average item does,
            beyond what runs explain, in the score's unit.

    """

    runs_a: int
    runs_b: int
    run_sd: float
    items: int | None = None
    item_sd: float = 0.0

    def __post_init__(self) -> None:
        """Refuse designs that cannot be."""
        enough = min(self.runs_a, self.runs_b) >= 2 and (self.items is None or self.items >= 2)
        spread = (self.run_sd, self.item_sd)
        if enough and all(math.isfinite(sd) and sd >= 0 for sd in spread) and sum(spread) > 0:
            return
        raise StatisticsError(
            "design",
            f"{self}, expected at least 2 runs and items, and standard deviations that are not negative nor all zero",
            "Take the standard deviations from runs of a like experiment, with design_of.",
        )

    def standard_error(self) -> float:
        """Return the standard error of the effect, in the score's unit."""
        return math.sqrt(sum(self._parts()))

    def df(self) -> float:
        """Degrees of freedom, by Satterthwaite."""
        runs, items = self._parts()
        total = runs + items
        share_a = self.runs_b / (self.runs_a + self.runs_b)  # of the runs' variance, which 1 / runs divides
        runs_df = 1 / (share_a**2 / (self.runs_a - 1) + (1 - share_a) ** 2 / (self.runs_b - 1))
        runs_df = min(runs_df, 2 * (min(self.runs_a, self.runs_b) - 1))
        items_share = 0.0 if self.items is None else (items / total) ** 2 / (self.items - 1)
        return 1 / ((runs / total) ** 2 / runs_df + items_share)

    def _parts(self) -> tuple[float, float]:
        runs = self.run_sd**2 * (1 / self.runs_a + 1 / self.runs_b)
        return runs, 0.0 if self.items is None else self.item_sd**2 / self.items


def design_of(a: Arm, b: Arm) -> Design:
    """Return the design of a comparison that was made, with the variances it showed.

    Raises:
        StatisticsError: different items, or scores that show no variance (one run, copies).

    """
    estimate = difference(a, b)
    if estimate.standard_error is None:
        raise StatisticsError(
            f"{a.name} and {b.name}",
            f"{a.runs} and {b.runs} runs that show no variance between runs",
            "Run at least 2 different replicates of each arm.",
        )
    items = None if a.items is None else int(a.items.shape[1])
    return Design(
        runs_a=a.runs,
        runs_b=b.runs,
        run_sd=float(np.sqrt(estimate.run_variance / (1 / a.runs + 1 / b.runs))),
        items=items,
        item_sd=math.sqrt(estimate.item_variance * (items or 0)),
    )


def power(design: Design, effect: float, *, alpha: float = 0.05) -> float:
    """Return the chance that a true `effect` (score's unit) is shown, two-sided at `alpha`, by the noncentral t.

    Showing it with the wrong sign is not counted: of no effect the chance is alpha / 2.

    Raises:
        StatisticsError: alpha does not lie between 0 and 1.

    """
    open_share("alpha", alpha)
    df = design.df()
    critical = t_quantile(1 - alpha / 2, df)
    shift = abs(effect) / design.standard_error()
    return 1 - noncentral_t_cdf(critical, df, shift)


def minimum_detectable_difference(design: Design, *, alpha: float = 0.05, wanted: float = 0.8) -> float:
    """Return the smallest true effect (score's unit) that is shown with chance `wanted`, two-sided at `alpha`.

    Raises:
        StatisticsError: alpha not between 0 and 1, or `wanted` not between alpha and 1.

    """
    open_share("alpha", alpha)
    open_share("wanted", wanted)
    if wanted <= alpha:
        raise StatisticsError(
            "wanted", f"{wanted!r}, expected more than alpha, {alpha!r}", "A usual choice is 0.8."
        )
    df = design.df()
    return noncentrality(t_quantile(1 - alpha / 2, df), df, 1 - wanted) * design.standard_error()


def problems_needed(
    difference_of_shares: float, *, discordant: float, alpha: float = 0.05, wanted: float = 0.8
) -> int | None:
    """Return how many 0/1 problems would show such a difference between *two models*, by McNemar's test.

    `difference_of_shares` is the difference in solved shares, `discordant` the share of problems that exactly one
    of the two solves (`independent_discordance` where it is not known).  Connor (1987, Biometrics 43:207).
    For data more problems are not enough: the variance between runs stays, see `minimum_detectable_difference`.
    None where the difference is zero: no number of problems shows that.

    Raises:
        StatisticsError: fewer discordant problems than the difference makes, or a share outside 0 .. 1.

    """
    open_share("alpha", alpha)
    open_share("wanted", wanted)
    gap = abs(difference_of_shares)
    if not gap <= discordant <= 1:
        raise StatisticsError(
            "discordant",
            f"{discordant!r}, expected a share from {gap!r} (the difference) to 1",
            "Use independent_discordance where the overlap is not known.",
        )
    if gap == 0:
        return None
    reach = normal_quantile(1 - alpha / 2) * math.sqrt(discordant)
    reach += normal_quantile(wanted) * math.sqrt(discordant - gap**2)
    return math.ceil((reach / gap) ** 2)


def independent_discordance(share_a: float, share_b: float) -> float:
    """Return the share of problems that exactly one of two models solves, if they solve them independently.

    Models that find the same problems easy have fewer, so this asks for more problems than are needed.
    """
    return share_a * (1 - share_b) + share_b * (1 - share_a)
