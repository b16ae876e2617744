"""From runs at several doses to a verdict on each arm's curve, and on what is asked between curves. No input or output.

A curve's verdict is about its change from the least dose to the greatest, on the declared scale; what else a curve comes to
stands beside it with intervals of its own and no correction. Contrasts between curves are a family of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.api.compare import Comparison, Dose, Nearest
from assay.statistics import curves
from assay.statistics.levels import Level, LevelVerdict, level_verdicts
from assay.statistics.words import Word
from assay_pipelines.compare.between import Drawn, Point, judge_contrasts
from assay_pipelines.compare.curve import (
    LOGIT,
    PROBABILITY,
    Curve,
    drawn,
    estimate,
    geometric,
    points,
    shape,
    steepness,
)
from assay_pipelines.compare.scores import Run, Unpaired
from assay_pipelines.compare.told import level_of
from assay_pipelines.compare.verdicts import Asked


def judge_curves(
    comparison: Comparison, dose: Dose, runs: Sequence[Run], failed: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Draw and judge the curve of every arm; the same runs give the same document."""
    found: dict[tuple[str, Point], Curve] = {}
    missing = []
    grouped = _by_curve(comparison, dose, runs, failed)
    for arm, point in sorted(grouped):
        told = {"arm": arm, "task": dose.task, "axis": dose.axis, "coordinates": dict(point)}
        try:
            found[arm, point] = drawn(told, grouped[arm, point].runs, dose.task, dose.scale)
        except Unpaired as reason:
            missing.append(told | {"reason": str(reason)})
    verdicts = level_verdicts(
        [_asked(comparison, dose, curve) for curve in found.values()],
        absent=len(missing),
        family=comparison.family == "holm",
        alpha=comparison.alpha,
    )
    moving = {
        key
        for key, verdict in zip(found, verdicts, strict=True)
        if verdict.word not in (Word.EQUIVALENT, Word.INCONCLUSIVE)
    }
    told_curves = []
    for (key, curve), verdict in zip(found.items(), verdicts, strict=True):
        written = _written(curve, verdict, comparison.alpha, moves=key in moving)
        told_curves.append(written | {"nearest": _nearest(curve, dose.nearest, comparison.alpha)})
    asked = {key: group.asked for key, group in grouped.items()}
    between = judge_contrasts(comparison, dose, Drawn(asked=asked, curves=found, moving=moving))
    return {
        "curves": told_curves,
        "verdicts": between["verdicts"],
        "missing": missing + between["missing"],
        "sameRuns": between["sameRuns"],
    }


def _asked(comparison: Comparison, dose: Dose, curve: Curve) -> Level:
    margins = {margin.name: margin.margin for margin in comparison.margins}
    task = f"the log-odds of {dose.task}" if dose.scale == LOGIT else dose.task
    return Level(
        subject=f"the change of {task} of {curve.told['arm']} from"
        f" {dose.axis} {curve.amounts[0]:g} to {curve.amounts[-1]:g}",
        figures=curve.weighed(curves.change(curve.amounts)),
        margin=margins.get(dose.task, comparison.margin),
        higher_is_better=curve.pair.like.higher_is_better,
    )


def _by_curve(
    comparison: Comparison, dose: Dose, runs: Sequence[Run], failed: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, Point], Asked]:
    """Group runs by arm and point of the other axes; where all failed is a group of none, as is a named arm without any."""
    found: dict[tuple[str, Point], Asked] = {}
    for run in runs:
        key = run.arm, _beside(dose, run.coordinates)
        found[key] = found.get(key, Asked()).ran(run)
    for one in failed:
        key = one["arm"], _beside(dose, one["coordinates"])
        found[key] = found.get(key, Asked()).failed(one["stages"][comparison.stage])
    for arm in set(dose.arms) - {arm for arm, _ in found}:
        found[arm, ()] = Asked()
    return found


def _beside(dose: Dose, coordinates: Mapping[str, str]) -> Point:
    return tuple(sorted((axis, value) for axis, value in coordinates.items() if axis != dose.axis))


def _written(curve: Curve, verdict: LevelVerdict, alpha: float, *, moves: bool) -> dict[str, Any]:
    like, pair = curve.pair.like, curve.pair
    return {
        **curve.told,
        "unit": curve.unit,
        "scale": curve.scale,
        "higherIsBetter": like.higher_is_better,
        "chance": like.chance,
        "n": len(pair.items),
        "leftOut": pair.left_out,
        "replicates": len(curve.whole),
        **level_of(verdict),
        "points": points(curve, alpha),
        **steepness(curve, alpha),
        **(shape(curve, alpha) if moves else {"halfLife": None, "ratio": None, "fit": _STILL}),
        "otherScale": _other(curve, alpha),
    }


_STILL = {"reason": "no change is shown"}


def _other(curve: Curve, alpha: float) -> dict[str, Any] | None:
    """Return what the curve comes to on the scale that is not judged: the sign of a difference may hang on it."""
    if not curve.is_share:
        return None
    other = curve.on(PROBABILITY if curve.scale == LOGIT else LOGIT)
    change = estimate(other.weighed(curves.change(other.amounts)), alpha)
    return {"scale": other.scale, "change": change, **steepness(other, alpha)}


def _nearest(curve: Curve, asked: Nearest | None, alpha: float) -> dict[str, Any] | None:
    """Return the least dose that is near, or in how many curves there is none, and where the curves come nearest."""
    if asked is None:
        return None
    told: dict[str, Any] = {"task": asked.task, "within": asked.within}
    try:
        nearing = curve.near(asked.task, asked.within)
    except Unpaired as reason:
        return told | {"reason": str(reason)}
    least = min(range(len(curve.amounts)), key=nearing.means.__getitem__)
    return told | {
        "unit": nearing.unit,
        "reached": sum(dose is not None for dose in nearing.doses),
        "of": len(nearing.doses),
        "runs": list(nearing.doses),
        "dose": None if nearing.known is None else geometric(nearing.known, alpha),
        "least": {"dose": curve.amounts[least], "distance": nearing.means[least]},
        "distances": list(nearing.means),
    }
