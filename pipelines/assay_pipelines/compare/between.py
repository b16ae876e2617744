"""Contrasts between two arms' curves: a figure of one minus that of the other, each of whole curves. No input or output.

They are written as other contrasts are, so that whatever shows those shows these. Half-lives and least doses are compared by
their logarithms: what matters is how many times as much.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from assay.api.compare import Comparison, CurveContrast, Dose
from assay.statistics import curves, verdicts
from assay.statistics.scores import Arm
from assay_pipelines.compare.curve import Curve
from assay_pipelines.compare.scores import Unpaired, paired
from assay_pipelines.compare.told import verdict_of
from assay_pipelines.compare.verdicts import family_of, same_runs

Point: TypeAlias = tuple[tuple[str, str], ...]  # (axis, value) along the other axes

_CALLED = {
    "change": "change",
    "initialSlope": "initial slope",
    "slope": "slope",
    "halfLife": "log half-life",
    "nearest": "log least near dose",
}
_WEIGHTS = {"change": curves.change, "initialSlope": curves.initial_slope, "slope": curves.slope}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """All curves of a comparison."""

    # the stages of each, also those that failed, and also of a curve that could not be drawn
    asked: Mapping[tuple[str, Point], AbstractSet[str]]
    curves: Mapping[tuple[str, Point], Curve]
    moving: AbstractSet[tuple[str, Point]]  # whose change is shown


@dataclass(frozen=True, kw_only=True)
class _Sides:
    """Two curves at one point, and the figure of each whole curve."""

    curves: tuple[Curve, Curve]
    figures: tuple[Arm, Arm]
    unit: str


def judge_contrasts(comparison: Comparison, dose: Dose, found: Drawn) -> dict[str, Any]:
    """Judge every contrast wherever both arms were asked for; at each point of the other axes they are a family."""
    written, missing, same = [], [], list[tuple[CurveContrast, dict[str, str]]]()
    for point in dict.fromkeys(point for _, point in sorted(found.asked)):
        answered: list[tuple[dict[str, Any], _Sides]] = []
        absent: list[dict[str, Any]] = []
        for contrast in dose.contrasts:
            if point not in _points(contrast, found):
                continue
            if _is_same(contrast, point, found):
                same.append((contrast, dict(point)))
                continue
            told = {
                "contrast": contrast.name,
                "task": f"{_CALLED[contrast.figure]} of {dose.task} by {dose.axis}",
                "coordinates": dict(point),
            }
            try:
                answered.append((told, _sides(dose, contrast, point, found)))
            except Unpaired as reason:
                absent.append(told | {"reason": str(reason)})
        judged = _judged(comparison, [sides for _, sides in answered], len(absent))
        written += [
            _written(told, sides, verdict) for (told, sides), verdict in zip(answered, judged, strict=True)
        ]
        missing += absent
    return {"verdicts": written, "missing": missing, "sameRuns": same_runs(same)}


def _is_same(contrast: CurveContrast, point: Point, found: Drawn) -> bool:
    """Whether both arms asked for the same runs, whatever became of them."""
    a, b = (
        {
            ref
            for (of, where), refs in found.asked.items()
            if of == arm and set(where) <= set(point)
            for ref in refs
        }
        for arm in (contrast.a, contrast.b)
    )
    return bool(a) and a == b


def _points(contrast: CurveContrast, found: Drawn) -> list[Point]:
    """Return the points of either arm, without those that are part of another: an axis may move nothing in one of them."""
    every = [point for arm, point in found.asked if arm in (contrast.a, contrast.b)]
    return [point for point in every if not any(set(point) < set(other) for other in every)]


def _judged(comparison: Comparison, asked: Sequence[_Sides], absent: int) -> Sequence[verdicts.Verdict]:
    posed = [
        verdicts.Comparison(name=str(at), a=sides.figures[0], b=sides.figures[1], higher_is_better=None)
        for at, sides in enumerate(asked)
    ]
    return family_of(comparison, posed, [f"missing {at}" for at in range(absent)])


def _sides(dose: Dose, contrast: CurveContrast, point: Point, found: Drawn) -> _Sides:
    """Find the two curves and make the figure of both.

    Raises:
        Unpaired: one is missing, or lacks the figure, or they were not drawn alike.

    """
    a, b = (_at(arm, point, found) for arm in (contrast.a, contrast.b))
    match contrast.figure:
        case "halfLife":
            figures = tuple(_logs(curve, _half_lives(curve, moves=moves)) for curve, moves in (a, b))
            unit = f"ln {dose.axis}"
        case "nearest":
            figures = tuple(_logs(curve, _near(curve, dose)) for curve, _ in (a, b))
            unit = f"ln {dose.axis}"
        case _:
            figures = _weighed(contrast, a[0], b[0])
            unit = a[0].unit if contrast.figure == "change" else f"{a[0].unit} by {dose.axis}"
    return _Sides(curves=(a[0], b[0]), figures=(figures[0], figures[1]), unit=unit)


def _at(arm: str, point: Point, found: Drawn) -> tuple[Curve, bool]:
    for (of, where), curve in found.curves.items():
        if of == arm and set(where) <= set(point):
            return curve, (of, where) in found.moving
    raise Unpaired(f"{arm} has no curve")


def _weighed(contrast: CurveContrast, a: Curve, b: Curve) -> tuple[Arm, Arm]:
    """Make a figure of both curves that is a weighted sum, item by item."""
    task = str(a.told["task"])
    if a.amounts != b.amounts:
        doses = " and ".join(", ".join(f"{amount:g}" for amount in curve.amounts) for curve in (a, b))
        raise Unpaired(f"the curves are of different doses: {doses}")
    both = paired(task, a.runs, b.runs).linear
    weights = _WEIGHTS[contrast.figure](a.amounts)
    shared = replace(a, pair=both), replace(b, pair=replace(both, a=both.b, b=both.a))
    return shared[0].weighed(weights), shared[1].weighed(weights)


def _half_lives(curve: Curve, *, moves: bool) -> list[float]:
    lives = curve.half_lives() if moves else None
    if lives is None:
        raise Unpaired(f"{curve.told['arm']} has no half-life: no change is shown")
    return lives


def _near(curve: Curve, dose: Dose) -> list[float]:
    if dose.nearest is None:
        raise Unpaired("dose.nearest does not say what is near")
    nearing = curve.near(dose.nearest.task, dose.nearest.within)
    if nearing.known is None:
        reached = sum(one is not None and one > 0 for one in nearing.doses)
        raise Unpaired(
            f"{curve.told['arm']} comes within {dose.nearest.within:g} after some dose in {reached} of {len(nearing.doses)} curves"
        )
    return nearing.known


def _logs(curve: Curve, figures: Sequence[float]) -> Arm:
    return Arm.of_totals(str(curve.told["arm"]), [math.log(one) for one in figures])


def _written(told: Mapping[str, Any], sides: _Sides, verdict: verdicts.Verdict) -> dict[str, Any]:
    return {
        **told,
        "primary": False,
        **verdict_of(verdict),
        "unit": sides.unit,
        "higherIsBetter": None,
        "chance": None,
        "n": len(sides.curves[0].pair.items),
        "higherA": None,
        "higherB": None,
        "leftOut": 0,
        "a": _side(sides.curves[0], sides.figures[0]),
        "b": _side(sides.curves[1], sides.figures[1]),
        "groups": [],
        "tiedPrompts": None,
    }


def _side(curve: Curve, figures: Arm) -> dict[str, Any]:
    """Write one arm: each whole curve's figure beside all the runs that it is of."""
    runs = [[curve.runs[at] for at in places] for places in curve.whole]
    return {
        "arm": curve.told["arm"],
        "mean": figures.mean,
        "runs": [
            {
                "replicate": dict(of_curve[-1].replicate),
                "score": score,
                "from": of_curve[-1].ref,
                "curve": [run.ref for run in of_curve],
                "lineage": {},
            }
            for of_curve, score in zip(runs, figures.means.tolist(), strict=True)
        ],
    }
