"""Arithmetic modulo the Mersenne prime 2^61 - 1, and the points at which polynomials are evaluated: universal hashing.

A sequence is hashed as the polynomial that has it as coefficients, at a secret point (Carter and Wegman 1979): two different
sequences of m numbers agree at no more than m of the 2^61 points. The points are drawn anew for every run, so no text can be
written that makes keys collide. What is found does not depend on them, but for that chance: two keys of 61 bits together err
on a billion windows with probability below 10^-12.
"""

import secrets
from dataclasses import dataclass
from typing import Self

import numpy as np

from assay_pipelines.clean.compiled import compiled

PRIME = np.uint64((1 << 61) - 1)
_HALF = np.uint64((1 << 32) - 1)
_LOW29 = np.uint64((1 << 29) - 1)
_3, _29, _32, _61 = np.uint64(3), np.uint64(29), np.uint64(32), np.uint64(61)


@dataclass(frozen=True)
class Points:
    """Where polynomials are evaluated: numbers below the prime."""

    word: tuple[int, int]  # the bytes of a word, twice
    gram: int  # fingerprints
    window: tuple[int, int]  # keys of windows, twice

    @classmethod
    def drawn(cls) -> Self:
        """Draw all points."""
        one, two, gram, first, second = (2 + secrets.randbelow(int(PRIME) - 2) for _ in range(5))
        return cls(word=(one, two), gram=gram, window=(first, second))


@compiled
def times(one: np.uint64, two: np.uint64) -> np.uint64:
    """Multiply two numbers below the prime."""
    one_high, one_low = one >> _32, one & _HALF
    two_high, two_low = two >> _32, two & _HALF
    low = one_low * two_low
    middle = one_high * two_low + one_low * two_high
    total = (
        ((one_high * two_high) << _3)
        + (middle >> _29)
        + ((middle & _LOW29) << _32)
        + (low >> _61)
        + (low & PRIME)
    )
    total = (total & PRIME) + (total >> _61)
    return total - PRIME if total >= PRIME else total


@compiled
def plus(one: np.uint64, two: np.uint64) -> np.uint64:
    """Add two numbers below the prime."""
    total = one + two
    return total - PRIME if total >= PRIME else total


@compiled
def minus(one: np.uint64, two: np.uint64) -> np.uint64:
    """Subtract two numbers below the prime."""
    return one - two if one >= two else one + PRIME - two


def power(base: int, exponent: int) -> np.uint64:
    """Raise a number to a power."""
    return np.uint64(pow(base, exponent, int(PRIME)))
