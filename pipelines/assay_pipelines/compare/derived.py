"""From figures of several stages to an expression's value for every run, and how sure it is. No input or output.

The figures of one run are put together first, so what its stages share cancels; the interval is over replicates, which
are whole new runs, and says nothing of other items: every run was measured on the same ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.api.compare import Comparison, Derived
from assay.api.expression import Expression
from assay.statistics.levels import Level, level_verdicts
from assay.statistics.scores import Arm
from assay_pipelines.compare.told import in_order, level_of


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What one arm's stages came to, at one point of the matrix."""

    arm: str
    coordinates: Mapping[str, str]
    replicate: Mapping[str, str]
    measures: Mapping[str, float]
    refs: Mapping[str, str]  # the stage that each measure is from
    dose: float = 0.0  # its amount on a trend's axis


def judge_derived(
    comparison: Comparison, derived: Derived, runs: Sequence[Figures], failed: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Compute and judge the expression for every arm; the same runs give the same document.

    An arm of which every run failed, or divides by 0, keeps its place in the family.
    """
    found: dict[tuple[str, tuple[tuple[str, str], ...]], list[dict[str, Any]]] = {}
    values, missing = valued(derived, runs)
    for run, value in values:
        key = run.arm, tuple(sorted(run.coordinates.items()))
        found.setdefault(key, []).append(written(run, value))
    levels = [
        Level(
            subject=f"{derived.expression} of {called(arm, dict(point))}",
            figures=Arm.of_totals(arm, [run["value"] for run in of_arm]),
            margin=comparison.margin,
            higher_is_better=None,
        )
        for (arm, point), of_arm in found.items()
    ]
    asked = {(one["arm"], tuple(sorted(one["coordinates"].items()))) for one in (*failed, *missing)}
    verdicts = level_verdicts(
        levels,
        absent=len(asked - set(found)),
        family=comparison.family == "holm",
        alpha=comparison.alpha,
    )
    told = [
        {
            "arm": arm,
            "coordinates": dict(point),
            "expression": derived.expression,
            **level_of(verdict),
            "runs": of_arm,
        }
        for ((arm, point), of_arm), verdict in zip(found.items(), verdicts, strict=True)
    ]
    return {"derived": told, "missing": missing}


def valued(
    derived: Derived, runs: Sequence[Figures]
) -> tuple[list[tuple[Figures, float]], list[dict[str, Any]]]:
    """Compute the expression of every run, in an order that does not depend on theirs, and tell where it has no value."""
    expression = Expression.parse(derived.expression)
    found, missing = [], []
    for run in sorted(
        runs, key=lambda run: (run.arm, sorted(run.coordinates.items()), in_order(run.replicate))
    ):
        try:
            found.append((run, expression.value(run.measures)))
        except ZeroDivisionError:
            missing.append(
                {
                    "derived": derived.expression,
                    "arm": run.arm,
                    "coordinates": dict(run.coordinates),
                    "replicate": dict(run.replicate),
                    "reason": "its divisor is 0",
                }
            )
    return found, missing


def written(run: Figures, value: float) -> dict[str, Any]:
    """Write one run's value beside the figures that it is made of."""
    return {
        "replicate": dict(run.replicate),
        "value": value,
        "figures": {name: {"value": figure, "from": run.refs[name]} for name, figure in run.measures.items()},
    }


def called(arm: str, point: Mapping[str, str]) -> str:
    """Name an arm at a point of the matrix, such as `with[size=1b]`."""
    inside = ",".join(f"{axis}={value}" for axis, value in point.items())
    return f"{arm}[{inside}]" if inside else arm
