"""The few distribution functions the verdicts need, typed.

`scipy.special` is untyped and quick to import; `scipy.stats` costs seconds, which a command line cannot spend.
All arguments and results are plain floats.
"""

from scipy import special  # type: ignore[import-untyped]


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


def noncentral_t_cdf(t: float, df: float, noncentrality: float) -> float:
    """P(T <= t) of the noncentral t."""
    return float(special.nctdtr(df, noncentrality, t))


def noncentrality(t: float, df: float, share: float) -> float:
    """The noncentrality with P(T <= t) = share."""
    return float(special.nctdtrinc(df, share, t))


def fair_coin_p(heads: int, tosses: int) -> float:
    """Exact two-sided p of `heads` in `tosses` of a fair coin: the symmetric binomial test.  No toss is no evidence: 1."""
    return min(1.0, 2.0 * float(special.bdtr(min(heads, tosses - heads), tosses, 0.5)))
