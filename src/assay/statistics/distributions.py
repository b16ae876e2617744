"""The few distribution functions the verdicts need, typed.

`scipy.special` is untyped and quick to import; `scipy.stats` costs seconds, which a command line cannot spend.
Arguments and results are plain floats; the functions named in the plural take arrays.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special  # type: ignore[import-untyped]

FloatArray: TypeAlias = NDArray[np.float64]


def normal_cdf(z: float) -> float:
    """P(Z <= z) of the standard normal."""
    return float(special.ndtr(z))


def normal_quantile(share: float) -> float:
    """The z with P(Z <= z) = share."""
    return float(special.ndtri(share))


def t_cdf(t: float, df: float) -> float:
    """P(T <= t) of Student's t; `df` may be fractional."""
    return float(special.stdtr(df, t))


def t_quantile(share: float, df: float) -> float:
    """The t with P(T <= t) = share."""
    return float(special.stdtrit(df, share))


def normal_cdfs(z: FloatArray) -> FloatArray:
    """P(Z <= z) of the standard normal, of every z."""
    return np.asarray(special.ndtr(z), dtype=np.float64)


def t_quantiles(share: float, df: FloatArray) -> FloatArray:
    """The t with P(T <= t) = share, of every df."""
    return np.asarray(special.stdtrit(df, share), dtype=np.float64)


def chi_square_quantiles(shares: FloatArray, df: float) -> FloatArray:
    """The x with P(X <= x) = share of the chi-square, of every share."""
    return np.asarray(2 * special.gammaincinv(df / 2, shares), dtype=np.float64)


def fair_coin_p(heads: int, tosses: int) -> float:
    """Exact two-sided p of `heads` in `tosses` of a fair coin: the symmetric binomial test.  No toss is no evidence: 1."""
    return min(1.0, 2.0 * float(special.bdtr(min(heads, tosses - heads), tosses, 0.5)))
