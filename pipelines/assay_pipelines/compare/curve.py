"""One arm's runs at several doses, and what their curves come to. No input or output.

Figures are of whole curves: of replicates that were run at every dose, where a run without that replicate's axes (a model
before any training) serves them all. Those that are weighted sums of scores are made item by item; the others, a half-life,
a fit, are of each replicate's means.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from assay.statistics import curves
from assay.statistics.exponential import Exponential, NotFitted, exponential
from assay.statistics.runs import above
from assay.statistics.scores import Arm, FloatArray
from assay_pipelines.compare.scores import Paired, Run, Unpaired, arm_of, paired
from assay_pipelines.compare.told import in_order, interval_of, runs_of

PROBABILITY, LOGIT = "probability", "logit"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One arm at one point of the other axes, and what its runs scored, dose by dose."""

    told: Mapping[str, Any]
    runs: tuple[Run, ...]  # the rows of `pair.a`
    pair: Paired  # linear
    scale: str
    amounts: tuple[float, ...]  # rising
    whole: tuple[tuple[int, ...], ...]  # of each replicate the rows at every dose

    @property
    def is_share(self) -> bool:
        """Whether every score has log-odds."""
        return are_shares(self.pair.a, self.pair.like.unit)

    @property
    def unit(self) -> str:
        """What its figures are measured in."""
        return f"logit of {self.pair.like.unit}" if self.scale == LOGIT else self.pair.like.unit

    @cached_property
    def rows(self) -> FloatArray:
        """Its scores on its scale, shape (runs, items)."""
        return curves.logits(self.pair.a) if self.scale == LOGIT else self.pair.a

    def on(self, scale: str) -> "Curve":
        """Return the same curve on another scale."""
        return replace(self, scale=scale)

    def weighed(self, weights: FloatArray) -> Arm:
        """Return a figure of each whole curve that is a weighted sum of its scores, for every item."""
        rows = np.array([weights @ self.rows[list(places)] for places in self.whole])
        return arm_of(str(self.told["arm"]), rows, self.pair.groups)

    @property
    def means(self) -> list[list[float]]:
        """The scores of each whole curve, dose by dose."""
        return [self.rows[list(places)].mean(axis=1).tolist() for places in self.whole]

    def half_lives(self) -> list[float] | None:
        """Return every replicate's half-life; None where one has none."""
        found = [curves.half_life(self.amounts, scores) for scores in self.means]
        known = [one for one in found if one is not None]
        return known if len(known) == len(found) else None

    def near(self, task: str, within: float) -> "Nearing":
        """Read another task along the same curve, which measures a distance.

        Raises:
            Unpaired: some run lacks it.

        """
        pair = paired(task, self.runs, ())
        distances = pair.a.mean(axis=1)
        whole = [distances[list(places)] for places in self.whole]
        return Nearing(
            unit=pair.like.unit,
            doses=tuple(curves.least_near(self.amounts, one, within) for one in whole),
            means=tuple(float(one) for one in np.mean(whole, axis=0)),
        )


@dataclass(frozen=True, kw_only=True)
class Nearing:
    """How near each whole curve comes to another model."""

    unit: str
    doses: tuple[float | None, ...]  # of each replicate the least that is near; None: it never is
    means: tuple[float, ...]  # the mean distance at every dose

    @property
    def known(self) -> list[float] | None:
        """Every replicate's dose, where all are near after some dose: a curve that begins near has none to take the mean of."""
        found = [dose for dose in self.doses if dose is not None and dose > 0]
        return found if len(found) == len(self.doses) else None


def are_shares(scores: FloatArray, unit: str) -> bool:
    """Say whether all scores lie between 0 and 1 and are no rates, so that they have log-odds."""
    return bool(np.all((scores >= 0) & (scores <= 1))) and " per " not in unit


def drawn(told: Mapping[str, Any], runs: Sequence[Run], task: str, scale: str) -> Curve:
    """Put an arm's runs together as a curve.

    Raises:
        Unpaired: there is none, or its scores have no log-odds.

    """
    if not runs:
        raise Unpaired(f"no run of {told['arm']} has finished")
    ordered = tuple(sorted(runs, key=lambda run: (run.dose, in_order(run.replicate), run.ref)))
    amounts = tuple(sorted({run.dose for run in ordered}))
    if len(amounts) < 2:
        raise Unpaired(f"runs at one dose only have finished, {amounts[0]:g}")
    whole = tuple(_whole(ordered, amounts))
    if not whole:
        raise Unpaired("no replicate has finished at every dose")
    pair = paired(task, ordered, ()).linear
    curve = Curve(told=told, runs=ordered, pair=pair, scale=scale, amounts=amounts, whole=whole)
    if scale == LOGIT and not curve.is_share:
        raise Unpaired(
            f"its scores, in {pair.like.unit}, are no shares between 0 and 1, so they have no log-odds"
        )
    return curve


def _whole(runs: Sequence[Run], amounts: Sequence[float]) -> Iterator[tuple[int, ...]]:
    """Yield of each replicate the places of its runs at every dose; one that lacks some dose has none."""
    replicates = {tuple(in_order(run.replicate)): run.replicate for run in runs}
    most = max(len(replicate) for replicate in replicates.values())
    for _, replicate in sorted(replicates.items()):
        if len(replicate) < most:
            continue
        places = [
            next(
                (
                    at
                    for at, run in enumerate(runs)
                    if run.dose == amount and run.replicate.items() <= replicate.items()
                ),
                None,
            )
            for amount in amounts
        ]
        if None not in places:
            yield tuple(at for at in places if at is not None)


def points(curve: Curve, alpha: float) -> list[dict[str, Any]]:
    """Write what was scored at every dose, in the task's unit whatever the scale."""
    return [_point(curve, amount, alpha) for amount in curve.amounts]


def _point(curve: Curve, amount: float, alpha: float) -> dict[str, Any]:
    rows = [at for at, run in enumerate(curve.runs) if run.dose == amount]
    scores = curve.pair.a[rows]
    estimate = above(arm_of(str(curve.told["arm"]), scores, curve.pair.groups), 0.0)
    return {
        "dose": amount,
        "mean": estimate.effect,
        "interval": interval_of(estimate.interval(1 - alpha)),
        "runs": runs_of([curve.runs[at] for at in rows], scores.mean(axis=1).tolist()),
    }


def steepness(curve: Curve, alpha: float) -> dict[str, Any]:
    """Write the figures that stand on every scale."""
    return {
        "slope": estimate(curve.weighed(curves.slope(curve.amounts)), alpha),
        "initialSlope": estimate(curve.weighed(curves.initial_slope(curve.amounts)), alpha),
    }


def shape(curve: Curve, alpha: float) -> dict[str, Any]:
    """Write how a curve that moves does so."""
    lives = curve.half_lives()
    return {
        "halfLife": None if lives is None else geometric(lives, alpha),
        "ratio": _ratio(curve, alpha),
        "fit": _fit(curve, alpha),
    }


def _ratio(curve: Curve, alpha: float) -> dict[str, Any] | None:
    """Return how many times steeper it begins than it goes on; None where some replicate turns round, or stays."""
    if len(curve.amounts) < 3:
        return None
    early, later = (make(curve.amounts) for make in (curves.initial_slope, curves.later_slope))
    found = [(float(early @ scores), float(later @ scores)) for scores in curve.means]
    if any(first * then <= 0 for first, then in found):
        return None
    return geometric([first / then for first, then in found], alpha)


def _fit(curve: Curve, alpha: float) -> dict[str, Any]:
    """Fit every replicate's curve; where one cannot be, none is told, and why."""
    fits: list[Exponential] = []
    for scores in curve.means:
        try:
            fits.append(exponential(curve.amounts, scores))
        except NotFitted as reason:
            return {"reason": f"curve {len(fits) + 1} of {len(curve.whole)}: {reason}"}
    name = str(curve.told["arm"])

    def mean(figure: Callable[[Exponential], float]) -> dict[str, Any]:
        return estimate(Arm.of_totals(name, [figure(one) for one in fits]), alpha)

    return {
        "start": mean(lambda one: one.start),
        "end": mean(lambda one: one.end),
        "tau": geometric([one.tau for one in fits], alpha),
        "residual": float(np.mean([one.residual for one in fits])),
    }


def estimate(figures: Arm, alpha: float) -> dict[str, Any]:
    """Write a figure of every run as its mean, with what would be said of it alone."""
    found = above(figures, 0.0)
    return {
        "value": found.effect,
        "interval": interval_of(found.interval(1 - alpha)),
        "p": found.p_different(),
        "runs": figures.means.tolist(),
    }


def geometric(figures: Sequence[float], alpha: float) -> dict[str, Any]:
    """Write figures that are positive and skewed as their geometric mean."""
    found = above(Arm.of_totals("figure", [math.log(one) for one in figures]), 0.0)
    interval = found.interval(1 - alpha)
    return {
        "value": math.exp(found.effect),
        "interval": None
        if interval is None
        else {"low": math.exp(interval.low), "high": math.exp(interval.high), "level": interval.level},
        "runs": list(figures),
    }
