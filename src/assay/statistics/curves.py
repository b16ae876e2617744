"""How a score moves with a dose: what each run's curve over the doses comes to.

Change, slope and initial slope are weighted sums of a run's scores, so they can be made of every item's scores as well.
The half-life is none: it is a figure of a run's whole curve.
"""

from collections.abc import Sequence

import numpy as np

from assay.statistics.scores import FloatArray, StatisticsError


def change(doses: Sequence[float]) -> FloatArray:
    """Return the weights of the score at the greatest dose minus that at the least."""
    weights = np.zeros(_several(doses).size)
    weights[0], weights[-1] = -1.0, 1.0
    return weights


def slope(doses: Sequence[float]) -> FloatArray:
    """Return the weights of the least-squares slope over all doses, per unit of dose."""
    centred = _several(doses) - np.mean(doses)
    return np.asarray(centred / np.square(centred).sum())


def initial_slope(doses: Sequence[float]) -> FloatArray:
    """Return the weights of the slope from the least dose to the next, per unit of dose."""
    amounts = _several(doses)
    weights = np.zeros(amounts.size)
    weights[:2] = np.array([-1.0, 1.0]) / (amounts[1] - amounts[0])
    return weights


def half_life(doses: Sequence[float], scores: Sequence[float]) -> float | None:
    """Return how much dose beyond the least brings a run half of its way from the first score to the last.

    Between doses the curve is drawn straight, and the first time counts. None where first and last score are the same.
    """
    amounts, curve = _several(doses), np.asarray(scores, dtype=np.float64)
    way = curve[-1] - curve[0]
    if way == 0:
        return None
    share = (curve - curve[0]) / way
    at = int(np.argmax(share >= 0.5))
    inside = (0.5 - share[at - 1]) / (share[at] - share[at - 1])
    return float(amounts[at - 1] + inside * (amounts[at] - amounts[at - 1]) - amounts[0])


def _several(doses: Sequence[float]) -> FloatArray:
    amounts = np.asarray(doses, dtype=np.float64)
    if amounts.size < 2 or not np.all(np.diff(amounts) > 0):
        raise StatisticsError(
            "doses", f"{list(doses)}, expected at least two that rise", "Evaluate the arm at another dose."
        )
    return amounts
