"""From runs at several doses to a curve for each arm, and what it comes to. No input or output.

A curve's verdict is about its change from the least dose to the greatest, in the task's unit; slope, initial slope and
half-life stand beside it with intervals of their own and no correction. They are made of whole curves: of replicates
that were run at every dose, where a run without that replicate's axes (a model before any training) serves them all.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.api.compare import Comparison, Dose
from assay.statistics import curves
from assay.statistics.levels import Level, LevelVerdict, level_verdicts
from assay.statistics.runs import above
from assay.statistics.scores import Arm, FloatArray
from assay.statistics.words import Word
from assay_pipelines.compare.scores import Paired, Run, Unpaired, arm_of, paired
from assay_pipelines.compare.told import in_order, interval_of, level_of, runs_of

_Point = tuple[tuple[str, str], ...]  # (axis, value) along the other axes


@dataclass(frozen=True, kw_only=True)
class _Curve:
    """One arm at one point of the other axes, and what its runs scored, dose by dose."""

    told: Mapping[str, Any]
    runs: tuple[Run, ...]  # the rows of `pair.a`
    pair: Paired
    amounts: tuple[float, ...]  # rising
    whole: tuple[tuple[int, ...], ...]  # of each replicate the rows at every dose

    def weighed(self, weights: FloatArray) -> Arm:
        """Return a figure of each whole curve that is a weighted sum of its scores, for every item."""
        rows = np.array([weights @ self.pair.a[list(places)] for places in self.whole])
        return arm_of(str(self.told["arm"]), rows, self.pair.groups)


def judge_curves(
    comparison: Comparison, dose: Dose, runs: Sequence[Run], failed: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Draw and judge the curve of every arm; the same runs give the same document."""
    drawn, missing = [], []
    for (arm, point), of_arm in sorted(_by_curve(dose, runs, failed).items()):
        told = {"arm": arm, "task": dose.task, "axis": dose.axis, "coordinates": dict(point)}
        try:
            drawn.append(_drawn(told, of_arm, dose.task))
        except Unpaired as reason:
            missing.append(told | {"reason": str(reason)})
    margins = {margin.name: margin.margin for margin in comparison.margins}
    levels = [
        Level(
            subject=f"the change of {dose.task} of {curve.told['arm']} from"
            f" {dose.axis} {curve.amounts[0]:g} to {curve.amounts[-1]:g}",
            figures=curve.weighed(curves.change(curve.amounts)),
            margin=margins.get(dose.task, comparison.margin),
            higher_is_better=curve.pair.like.higher_is_better,
        )
        for curve in drawn
    ]
    verdicts = level_verdicts(
        levels, absent=len(missing), family=comparison.family == "holm", alpha=comparison.alpha
    )
    told_curves = [
        _written(curve, verdict, comparison.alpha) for curve, verdict in zip(drawn, verdicts, strict=True)
    ]
    return {"curves": told_curves, "missing": missing}


def _by_curve(
    dose: Dose, runs: Sequence[Run], failed: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, _Point], tuple[Run, ...]]:
    """Group runs by arm and point of the other axes; where all failed is a group of none, as is a named arm without any."""
    found: dict[tuple[str, _Point], tuple[Run, ...]] = {}
    for run in runs:
        key = run.arm, _beside(dose, run.coordinates)
        found[key] = (*found.get(key, ()), run)
    for one in failed:
        found.setdefault((one["arm"], _beside(dose, one["coordinates"])), ())
    for arm in set(dose.arms) - {arm for arm, _ in found}:
        found[arm, ()] = ()
    return found


def _beside(dose: Dose, coordinates: Mapping[str, str]) -> _Point:
    return tuple(sorted((axis, value) for axis, value in coordinates.items() if axis != dose.axis))


def _drawn(told: Mapping[str, Any], runs: Sequence[Run], task: str) -> _Curve:
    if not runs:
        raise Unpaired(f"no run of {told['arm']} has finished")
    ordered = tuple(sorted(runs, key=lambda run: (run.dose, in_order(run.replicate), run.ref)))
    amounts = tuple(sorted({run.dose for run in ordered}))
    if len(amounts) < 2:
        raise Unpaired(f"runs at one dose only have finished, {amounts[0]:g}")
    whole = tuple(_whole(ordered, amounts))
    if not whole:
        raise Unpaired("no replicate has finished at every dose")
    return _Curve(
        told=told, runs=ordered, pair=paired(task, ordered, ()).linear, amounts=amounts, whole=whole
    )


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


def _written(curve: _Curve, verdict: LevelVerdict, alpha: float) -> dict[str, Any]:
    like, pair = curve.pair.like, curve.pair
    moves = verdict.word not in (Word.EQUIVALENT, Word.INCONCLUSIVE)
    return {
        **curve.told,
        "unit": like.unit,
        "higherIsBetter": like.higher_is_better,
        "chance": like.chance,
        "n": len(pair.items),
        "leftOut": pair.left_out,
        "replicates": len(curve.whole),
        **level_of(verdict),
        "points": [_point(curve, amount, alpha) for amount in curve.amounts],
        "slope": _estimate(curve.weighed(curves.slope(curve.amounts)), alpha),
        "initialSlope": _estimate(curve.weighed(curves.initial_slope(curve.amounts)), alpha),
        "halfLife": _half_life(curve, alpha) if moves else None,
    }


def _point(curve: _Curve, amount: float, alpha: float) -> dict[str, Any]:
    rows = [at for at, run in enumerate(curve.runs) if run.dose == amount]
    scores = curve.pair.a[rows]
    estimate = above(arm_of(str(curve.told["arm"]), scores, curve.pair.groups), 0.0)
    return {
        "dose": amount,
        "mean": estimate.effect,
        "interval": interval_of(estimate.interval(1 - alpha)),
        "runs": runs_of([curve.runs[at] for at in rows], scores.mean(axis=1).tolist()),
    }


def _estimate(figures: Arm, alpha: float) -> dict[str, Any]:
    estimate = above(figures, 0.0)
    return {
        "value": estimate.effect,
        "interval": interval_of(estimate.interval(1 - alpha)),
        "p": estimate.p_different(),
        "runs": figures.means.tolist(),
    }


def _half_life(curve: _Curve, alpha: float) -> dict[str, Any] | None:
    """Return the replicates' geometric mean: half-lives are positive and skewed."""
    found = [
        curves.half_life(curve.amounts, curve.pair.a[list(places)].mean(axis=1)) for places in curve.whole
    ]
    whole = [one for one in found if one is not None]
    if len(whole) < len(found):
        return None
    estimate = above(Arm.of_totals("half-life", [math.log(one) for one in whole]), 0.0)
    interval = estimate.interval(1 - alpha)
    return {
        "value": math.exp(estimate.effect),
        "interval": None
        if interval is None
        else {"low": math.exp(interval.low), "high": math.exp(interval.high), "level": interval.level},
        "runs": whole,
    }
