"""From an expression's values at several doses to its slope, run by run, against zero or a theory. No input or output.

A run is a replicate at all its doses. Where logarithms are taken, a value that is not above zero has none: that point is left
out and told, and a replicate that keeps fewer than three has no slope. A theory has one for each replicate, over its own doses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from assay.api.compare import Comparison, Derived, Trend
from assay.statistics import curves
from assay.statistics.compression import ideal_elasticity
from assay.statistics.levels import Level, LevelVerdict, level_verdicts
from assay.statistics.runs import above
from assay.statistics.scores import Arm
from assay_pipelines.compare.derived import Figures, called, valued, written
from assay_pipelines.compare.told import in_order, interval_of, level_of

_LEAST_POINTS = 3  # of a run; a line through two says nothing of whether there is one

_Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]  # arm, (axis, value) along the other axes
_Valued: TypeAlias = tuple[Figures, float]


@dataclass(frozen=True, kw_only=True)
class _Sloped:
    """One replicate that has a slope."""

    replicate: Mapping[str, str]
    slope: float
    against: float  # the theory's over the same doses, or 0


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One arm at one point of the other axes."""

    trend: Trend
    key: _Key
    values: Sequence[_Valued]
    slopes: Sequence[_Sloped]
    left_out: Sequence[dict[str, Any]]
    theory: Mapping[float, float]  # dose → the expression, where a theory says it

    @property
    def against(self) -> float:
        """What the mean slope is held against."""
        return sum(one.against for one in self.slopes) / len(self.slopes)


def judge_trend(
    comparison: Comparison,
    derived: Derived,
    trend: Trend,
    *,
    runs: Sequence[Figures],
    failed: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Judge the slope of every arm; the same runs give the same document."""
    subject = _subject(derived.expression, trend)
    values, missing = valued(derived, runs)
    found: dict[_Key, list[_Valued]] = {}
    for run, value in values:
        found.setdefault(_key(trend, run.arm, run.coordinates), []).append((run, value))
    lines = []
    for key, of_arm in sorted(found.items()):
        line = _line(trend, key, of_arm)
        if line.slopes:
            lines.append(line)
        else:
            missing.append(_without(subject, line))
    asked = {_key(trend, one["arm"], one["coordinates"]) for one in (*failed, *missing)}
    verdicts = level_verdicts(
        [_level(comparison, subject, line) for line in lines],
        absent=len(asked - {line.key for line in lines}),
        family=comparison.family == "holm",
        alpha=comparison.alpha,
    )
    told = [
        _written(subject, line, verdict, comparison.alpha)
        for line, verdict in zip(lines, verdicts, strict=True)
    ]
    return {"trends": told, "missing": missing}


def _key(trend: Trend, arm: str, coordinates: Mapping[str, str]) -> _Key:
    return arm, tuple(sorted((axis, value) for axis, value in coordinates.items() if axis != trend.axis))


def _line(trend: Trend, key: _Key, values: Sequence[_Valued]) -> _Line:
    by_replicate: dict[tuple[Any, ...], list[_Valued]] = {}
    left_out = []
    for run, value in values:
        if trend.scale == "log" and not (value > 0 and run.dose > 0):
            left_out.append({"dose": run.dose, "replicate": dict(run.replicate), "value": value})
            continue
        by_replicate.setdefault(tuple(in_order(run.replicate)), []).append((run, value))
    doses = sorted({run.dose for run, _ in values})
    theory = (
        {dose: ideal_elasticity(dose, trend.perturbation) for dose in doses if dose > 0}
        if trend.theory
        else {}
    )
    slopes = [
        _sloped(trend, of_run, theory)
        for _, of_run in sorted(by_replicate.items())
        if len({run.dose for run, _ in of_run}) >= _LEAST_POINTS
    ]
    return _Line(trend=trend, key=key, values=values, slopes=slopes, left_out=left_out, theory=theory)


def _sloped(trend: Trend, of_run: Sequence[_Valued], theory: Mapping[float, float]) -> _Sloped:
    found = {run.dose: value for run, value in of_run}
    ideal = {dose: theory[dose] for dose in found if dose in theory}
    return _Sloped(
        replicate=of_run[0][0].replicate,
        slope=_slope(trend, found),
        against=_slope(trend, ideal) if ideal else 0.0,
    )


def _slope(trend: Trend, values: Mapping[float, float]) -> float:
    across = np.log if trend.scale == "log" else np.asarray
    doses = sorted(values)
    return float(curves.slope(across(doses).tolist()) @ across([values[dose] for dose in doses]))


def _subject(expression: str, trend: Trend) -> str:
    """Name the slope, such as `slope of ln(kappa) by ln(k)`."""
    if trend.scale == "log":
        return f"slope of ln({expression}) by ln({trend.axis})"
    return f"slope of {expression} by {trend.axis}"


def _level(comparison: Comparison, subject: str, line: _Line) -> Level:
    arm, point = line.key
    return Level(
        subject=f"the {subject} of {called(arm, dict(point))}",
        figures=Arm.of_totals(arm, [one.slope - one.against + line.against for one in line.slopes]),
        margin=comparison.margin,
        higher_is_better=None,
        against=line.against,
    )


def _without(subject: str, line: _Line) -> dict[str, Any]:
    """Say that an arm has no slope, and why."""
    arm, point = line.key
    reason = f"no slope: no run has {_LEAST_POINTS} doses"
    if line.left_out:
        reason += f" at which the expression has a logarithm; {len(line.left_out)} of {len(line.values)} values have none"
    return {
        "derived": subject,
        "arm": arm,
        "coordinates": dict(point),
        "replicate": {},
        "reason": reason,
    }


def _written(subject: str, line: _Line, verdict: LevelVerdict, alpha: float) -> dict[str, Any]:
    arm, point = line.key
    estimate = above(Arm.of_totals(arm, [one.slope for one in line.slopes]), 0.0)
    return {
        "arm": arm,
        "coordinates": dict(point),
        "expression": subject,
        "axis": line.trend.axis,
        "scale": line.trend.scale,
        "theory": line.trend.theory,
        "against": line.against,
        **level_of(verdict),
        "slope": {"value": estimate.effect, "interval": interval_of(estimate.interval(1 - alpha))},
        "leftOut": list(line.left_out),
        "points": [_point(line, dose, alpha) for dose in sorted({run.dose for run, _ in line.values})],
        "runs": [
            {"replicate": dict(one.replicate), "value": one.slope, "against": one.against}
            for one in line.slopes
        ],
    }


def _point(line: _Line, dose: float, alpha: float) -> dict[str, Any]:
    """Write the values at one dose; all of them, also what has no logarithm."""
    values = [(run, value) for run, value in line.values if run.dose == dose]
    estimate = above(Arm.of_totals(line.key[0], [value for _, value in values]), 0.0)
    return {
        "dose": dose,
        "mean": estimate.effect,
        "interval": interval_of(estimate.interval(1 - alpha)),
        "theory": line.theory.get(dose),
        "runs": [written(run, value) for run, value in values],
    }
