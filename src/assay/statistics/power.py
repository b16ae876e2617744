"""What a comparison could have seen, and what it would take to see it.

Three runs show their variance badly, and the test pays for it: what it must see to tell two arms apart depends on the
variances that the runs happen to show.  So the chance is a mean over those (chi-square, independent of the estimate, which
is normal), with the degrees of freedom and the cautions of `runs`.  The items' part is taken as known.
"""

import math
from dataclasses import dataclass

import numpy as np

from assay.statistics.distributions import chi_square_quantiles, normal_cdfs, normal_quantile, t_quantiles
from assay.statistics.runs import difference, residual_variance
from assay.statistics.scores import Arm, FloatArray, StatisticsError, open_share

_nodes, _weights = np.polynomial.legendre.leggauss(32)
_SHARES, _WEIGHTS = (_nodes + 1) / 2, _weights / 2  # to take means over what has a chance
_HALVINGS = 40


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
        residual_sd: standard deviation of one run's score on one item that neither explains.  `run_sd` holds its share;
            the test believes no smaller variance between runs than that.

    """

    runs_a: int
    runs_b: int
    run_sd: float
    items: int | None = None
    item_sd: float = 0.0
    residual_sd: float = 0.0

    def __post_init__(self) -> None:
        """Refuse designs that cannot be."""
        enough = min(self.runs_a, self.runs_b) >= 2 and (self.items is None or self.items >= 2)
        spread = (self.run_sd, self.item_sd, self.residual_sd)
        if enough and all(math.isfinite(sd) and sd >= 0 for sd in spread) and sum(spread[:2]) > 0:
            return
        raise StatisticsError(
            "design",
            f"{self}, expected at least 2 runs and items, and standard deviations that are not negative nor all zero",
            "Take the standard deviations from runs of a like experiment, with design_of.",
        )

    def standard_error(self) -> float:
        """Return the standard error of the effect, in the score's unit."""
        return math.sqrt(sum(self.variances()))

    def variances(self) -> tuple[float, float]:
        """Return the parts of the effect's variance that come from runs and from items."""
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
        residual_sd=math.sqrt((residual_variance(a) + residual_variance(b)) / 2 * (items or 0)),
    )


def power(design: Design, effect: float, *, alpha: float = 0.05) -> float:
    """Return the chance that a true `effect` (score's unit) is shown, two-sided at `alpha`.

    Showing it with the wrong sign is not counted: of no effect the chance is about alpha / 2.

    Raises:
        StatisticsError: alpha does not lie between 0 and 1.

    """
    open_share("alpha", alpha)
    return _chance(design, effect, _least_shown(design, alpha))


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
    least_shown = _least_shown(design, alpha)
    low, high = 0.0, design.standard_error()
    while _chance(design, high, least_shown) < wanted:
        low, high = high, 2 * high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance(design, middle, least_shown) < wanted else (low, middle)
    return high


def _least_shown(design: Design, alpha: float) -> FloatArray:
    """Return the least estimate that `runs.difference` would tell from zero, for each pair of variances that the runs of the arms may show."""
    _, items = design.variances()
    residual = 0.0 if design.items is None else design.residual_sd**2 / design.items
    least = max(residual, float(np.finfo(np.float64).tiny))
    a, b = (
        np.maximum(design.run_sd**2 * chi_square_quantiles(_SHARES, runs - 1) / (runs - 1), least) / runs
        for runs in (design.runs_a, design.runs_b)
    )
    by_runs = a[:, None] + b
    share = a[:, None] / by_runs
    df = 1 / (share**2 / (design.runs_a - 1) + (1 - share) ** 2 / (design.runs_b - 1))
    df = np.minimum(df, 2 * (min(design.runs_a, design.runs_b) - 1))
    total = by_runs + items
    items_share = 0.0 if design.items is None else (items / total) ** 2 / (design.items - 1)
    df = 1 / ((by_runs / total) ** 2 / df + items_share)
    return np.asarray(t_quantiles(1 - alpha / 2, df) * np.sqrt(total), dtype=np.float64)


def _chance(design: Design, effect: float, least_shown: FloatArray) -> float:
    """Return the chance that the estimate is beyond what must be shown; it does not depend on the variances shown."""
    shown = normal_cdfs((abs(effect) - least_shown) / design.standard_error())
    return float(_WEIGHTS @ shown @ _WEIGHTS)


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
