"""A dose comparison's curves as a picture: doses to the right, by rank, the score upwards, with each point's interval."""

import math
from collections.abc import Sequence
from typing import Any

Plain = dict[str, Any]

WIDTH, HEIGHT = 480.0, 212.0
_LEFT, _EDGE = 56.0, 14.0  # where the doses begin; the score's axis stands left of it
_HUES = 12  # arms that have a colour of their own


def trend_curves(trends: Sequence[Plain]) -> Plain:
    """Lay out trends of one expression likewise, and what a theory says of it; by logarithms where the trend is of those."""
    log = trends[0]["scale"] == "log"
    lines = [*trends, *_theory(trends[0])]
    if log:
        lines = [
            line | {"points": [_above_zero(point) for point in line["points"] if point["mean"] > 0]}
            for line in lines
        ]
    return dose_curves(lines, log=log)


def _theory(trend: Plain) -> list[Plain]:
    """Return what a theory says at every dose as a line of its own."""
    points = [
        {"dose": point["dose"], "mean": point["theory"], "interval": None}
        for point in trend["points"]
        if point["theory"] is not None
    ]
    return [{"arm": "ideal mixture", "coordinates": {}, "points": points}] if points else []


def _above_zero(point: Plain) -> Plain:
    """Cut an interval where it leaves what has a logarithm: at a tenth of the mean."""
    interval = point["interval"]
    if interval is None or interval["low"] > 0:
        return point
    return point | {"interval": interval | {"low": point["mean"] / 10}}


def dose_curves(curves: Sequence[Plain], *, log: bool = False) -> Plain:
    """Lay out curves of one task on common axes.

    Doses are often hundreds apart and then thousands, so they stand at equal distances, each with its amount. A curve without
    points keeps its place among the lines, and its colour; where none has any there are no doses, and nothing to draw.
    """
    doses = sorted({point["dose"] for curve in curves for point in curve["points"]})
    ends = [end for curve in curves for point in curve["points"] for end in _ends(point)]
    low, high = min(ends, default=0.0), max(ends, default=0.0)
    rise = math.log if log else float
    across = {
        dose: round(_LEFT + (WIDTH - _LEFT - _EDGE) * at / max(1, len(doses) - 1), 1)
        for at, dose in enumerate(doses)
    }

    def up(score: float) -> float:
        share = (rise(score) - rise(low)) / (rise(high) - rise(low)) if high > low else 0.5
        return round(_EDGE + (HEIGHT - 4 * _EDGE) * (1 - share), 1)

    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": _LEFT,
        "doses": [{"x": x, "dose": dose, "steps": _steps(curves, dose)} for dose, x in across.items()],
        "scores": [{"y": up(score), "score": score} for score in ((low, high) if ends else ())],
        "lines": [
            {
                "arm": curve["arm"],
                "coordinates": curve["coordinates"],
                "hue": 360 * (at % _HUES) // _HUES,
                "points": [
                    {
                        "x": across[point["dose"]],
                        "y": up(point["mean"]),
                        "low": up(_ends(point)[0]),
                        "high": up(_ends(point)[-1]),
                        "told": f"{curve['arm']} at {point['dose']:g}: {point['mean']:.3g}",
                    }
                    for point in curve["points"]
                ],
            }
            for at, curve in enumerate(curves)
        ],
    }


def _steps(curves: Sequence[Plain], dose: float) -> float | None:
    """Return after how many optimiser steps all models of a dose were measured; what has had no dose was trained on something else."""
    trainings = [
        run["lineage"].get("training", {}).get("steps")
        for curve in curves
        for point in curve["points"]
        if point["dose"] == dose
        for run in point.get("runs", ())
        if "lineage" in run
    ]
    return trainings[0] if dose and trainings and len(set(trainings)) == 1 else None


def _ends(point: Plain) -> tuple[float, ...]:
    interval = point["interval"]
    return (interval["low"], point["mean"], interval["high"]) if interval else (point["mean"],)
