"""How a score moves with a dose: what each run's curve over the doses comes to.

Change and slopes are weighted sums of a run's scores, so they can be made of every item's scores as well. The half-life
and the least dose that is near are none: they are figures of a run's whole curve.
"""

import math
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


def later_slope(doses: Sequence[float]) -> FloatArray:
    """Return the weights of the slope from the second dose to the greatest, per unit of dose."""
    amounts = _several(doses)
    if amounts.size < 3:
        raise StatisticsError(
            "doses", f"{list(doses)}, expected at least three", "Evaluate the arm at another dose."
        )
    weights = np.zeros(amounts.size)
    weights[[1, -1]] = np.array([-1.0, 1.0]) / (amounts[-1] - amounts[1])
    return weights


def logits(shares: FloatArray) -> FloatArray:
    """Return shares, shape (runs, items), as what each item adds to its run's log-odds: a row's mean is the run's.

    A run's log-odds are those of (its mean + 0.5/n) / (1 + 1/n), n items: half an item is added on either side (Haldane
    1956, Anscombe 1956), so that a run that is right on none or all has some. Items lie about them by the delta method.
    """
    items = shares.shape[1]
    means = shares.mean(axis=1, keepdims=True)
    inside = _inside(means, items)
    steep = 1 / ((1 + 1 / items) * inside * (1 - inside))
    return np.asarray(np.log(inside / (1 - inside)) + steep * (shares - means))


def log_odds(share: float, items: int) -> float:
    """Return the log-odds of a share of so many items, with half an item added on either side, as `logits` does."""
    inside = float(_inside(np.asarray(share), items))
    return math.log(inside / (1 - inside))


def least_near(doses: Sequence[float], distances: Sequence[float], within: float) -> float | None:
    """Return the least dose at which a run's distance has come down to `within`; None where it never has.

    Between doses the distance is drawn straight over the logarithm of the dose, from a dose of 0 over the dose itself.
    """
    amounts, curve = _several(doses), np.asarray(distances, dtype=np.float64)
    near = np.flatnonzero(curve <= within)
    if near.size == 0:
        return None
    at = int(near[0])
    if at == 0:
        return float(amounts[0])
    low, high = float(amounts[at - 1]), float(amounts[at])
    share = float((curve[at - 1] - within) / (curve[at - 1] - curve[at]))
    if low <= 0:
        return low + share * (high - low)
    return math.exp(math.log(low) + share * math.log(high / low))


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


def _inside(shares: FloatArray, items: int) -> FloatArray:
    return np.asarray((shares + 0.5 / items) / (1 + 1 / items))


def _several(doses: Sequence[float]) -> FloatArray:
    amounts = np.asarray(doses, dtype=np.float64)
    if amounts.size < 2 or not np.all(np.diff(amounts) > 0):
        raise StatisticsError(
            "doses", f"{list(doses)}, expected at least two that rise", "Evaluate the arm at another dose."
        )
    return amounts
