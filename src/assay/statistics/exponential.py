"""A curve that falls, or rises, ever more slowly: score(n) = end + (start - end) exp(-n / tau), n the dose beyond the least.

Apart from `curves`, since scipy's optimiser takes half a second to import.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeWarning, curve_fit  # type: ignore[import-untyped]

from assay.statistics.curves import half_life
from assay.statistics.scores import FloatArray

LEAST_DOSES = 4
"""Three members are fitted: fewer doses than these fit whatever they are."""
_BEYOND = 10.0  # how far beyond the doses a tau may lie and still be one that they show


@dataclass(frozen=True, kw_only=True)
class Exponential:
    """What was fitted to one run's curve.

    Attributes:
        start: the score at the least dose.
        end: the score that greater doses come near to.
        tau: the dose after which 1/e of the way is left.
        residual: how far the scores are from the fit, root mean square.

    """

    start: float
    end: float
    tau: float
    residual: float


class NotFitted(Exception):
    """A curve has no such fit; the message says why."""


def exponential(doses: Sequence[float], scores: Sequence[float]) -> Exponential:
    """Fit one run's curve by least squares.

    Raises:
        NotFitted: too few doses, no convergence, or a tau that the doses do not show.

    """
    if len(doses) < LEAST_DOSES:
        raise NotFitted(f"{len(doses)} doses, and a fit of three members needs at least {LEAST_DOSES}")
    beyond, curve = np.asarray(doses, dtype=np.float64) - doses[0], np.asarray(scores, dtype=np.float64)
    half = half_life(doses, scores)
    if half is None:
        raise NotFitted("first and last score are the same")
    least, most = math.log(beyond[1] / _BEYOND), math.log(beyond[-1] * _BEYOND)
    first = min(max(math.log(half / math.log(2)), least), most)
    try:
        (start, end, log_tau), _ = curve_fit(
            _curve,
            beyond,
            curve,
            p0=(curve[0], curve[-1], first),
            bounds=((-np.inf, -np.inf, least), (np.inf, np.inf, most)),
        )
    except (RuntimeError, OptimizeWarning) as error:
        raise NotFitted("the fit does not converge") from error
    if not least + 0.01 < log_tau < most - 0.01:
        how = "straight" if log_tau > first else "at once"
        raise NotFitted(f"it goes {how}, so the doses from {doses[0]:g} to {doses[-1]:g} show no tau")
    residual = np.sqrt(np.mean(np.square(curve - _curve(beyond, start, end, log_tau))))
    return Exponential(start=float(start), end=float(end), tau=math.exp(log_tau), residual=float(residual))


def _curve(beyond: FloatArray, start: float, end: float, log_tau: float) -> FloatArray:
    return np.asarray(end + (start - end) * np.exp(-beyond / np.exp(log_tau)))
