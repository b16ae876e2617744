"""A dose comparison's curves as a picture: doses to the right, by rank, the score upwards, with each point's interval."""

from collections.abc import Sequence
from typing import Any

Plain = dict[str, Any]

WIDTH, HEIGHT = 480.0, 200.0
_LEFT, _EDGE = 56.0, 14.0  # where the doses begin; the score's axis stands left of it
_HUES = 12  # arms that have a colour of their own


def dose_curves(curves: Sequence[Plain]) -> Plain:
    """Lay out curves of one task on common axes.

    Doses are often hundreds apart and then thousands, so they stand at equal distances, each with its amount.
    """
    doses = sorted({point["dose"] for curve in curves for point in curve["points"]})
    ends = [end for curve in curves for point in curve["points"] for end in _ends(point)]
    low, high = min(ends), max(ends)
    across = {
        dose: round(_LEFT + (WIDTH - _LEFT - _EDGE) * at / max(1, len(doses) - 1), 1)
        for at, dose in enumerate(doses)
    }

    def up(score: float) -> float:
        share = (score - low) / (high - low) if high > low else 0.5
        return round(_EDGE + (HEIGHT - 3 * _EDGE) * (1 - share), 1)

    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": _LEFT,
        "doses": [{"x": x, "dose": dose} for dose, x in across.items()],
        "scores": [{"y": up(score), "score": score} for score in (low, high)],
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


def _ends(point: Plain) -> tuple[float, ...]:
    interval = point["interval"]
    return (interval["low"], point["mean"], interval["high"]) if interval else (point["mean"],)
