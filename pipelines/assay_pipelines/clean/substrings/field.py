"""Arithmetic modulo the Mersenne prime 2^61 - 1, and the points at which polynomials are evaluated: universal hashing.

A sequence is hashed as the polynomial that has it as coefficients, at a secret point (Carter and Wegman 1979): two different
sequences of m numbers agree at no more than m of the 2^61 points. The points are drawn anew for every run, so no text can be
written that makes keys collide. What is found does not depend on them, but for that chance: two keys of 61 bits together err
on a billion windows with probability below 10^-12.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from assay_pipelines.clean.compiled import compiled

PRIME = np.uint64((1 << 61) - 1)
_3, _61 = np.uint64(3), np.uint64(61)


@dataclass(frozen=True)
class Points:
    """Where polynomials are evaluated: numbers below the prime, that of fingerprints odd."""

    word: tuple[int, int]  # the bytes of a word, twice
    gram: int  # fingerprints
    window: tuple[int, int]  # keys of windows, twice

    @classmethod
    def drawn(cls) -> Self:
        """Draw all points."""
        one, two, gram, first, second = (2 + secrets.randbelow(int(PRIME) - 2) for _ in range(5))
        return cls(word=(one, two), gram=gram | 1, window=(first, second))


def _multiplied(_context: Any, _one: Any, _two: Any) -> Any:
    def build(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        wide = ir.IntType(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        halves = (builder.lshr(product, ir.Constant(wide, 64)), product)
        return cgutils.pack_array(builder, [builder.trunc(half, ir.IntType(64)) for half in halves])

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), build


_wide = cast("Callable[[np.uint64, np.uint64], tuple[np.uint64, np.uint64]]", intrinsic(_multiplied))
"""The high and the low half of a product of 128 bits: one instruction, for which numba has no name."""


@compiled
def times(one: np.uint64, two: np.uint64) -> np.uint64:
    """Multiply two numbers below the prime."""
    high, low = _wide(one, two)
    total = (low & PRIME) + ((high << _3) | (low >> _61))
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
