"""Candidates by MinHash, as Lee et al. 2021 draw them: 9,000 functions in 450 bands of 20; chats meet that agree in all of a band.

A pair of Jaccard similarity s meets with the chance 1 - (1 - s^20)^450: 30 % at 0.7, 99.5 % at 0.8. A function multiplies
the leading 32 bits of a shingle's hash by an odd number and adds another, modulo 2^32: eight or sixteen at once in SIMD
registers. The numbers are always the same ones, so that a chat's bands depend on nothing but its shingles.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.near.rarity import PREFIXED
from assay_pipelines.clean.near.shingles import flat, listed
from assay_pipelines.clean.rows import Hashes, mixed
from assay_pipelines.clean.table import Ints

BANDS = 450
ROWS = 20

Halves = npt.NDArray[np.uint32]

_TILE = 1000  # functions at a time: their three arrays stay in the first cache
_MOST = np.uint32(0xFFFFFFFF)
_ODD = np.uint64(0xD6E8FEB86659FD93)  # without structure
_32 = np.uint64(32)


def banded(table: pa.Table) -> pa.Table:
    """Reduce each chat's shingles to the keys of its bands, which stand in the place of a prefix."""
    shingles, starts = flat(table["shingles"])
    keys = np.empty((len(starts) - 1) * BANDS, np.uint64)
    _sign(shingles, starts, _functions(), keys)
    return pa.table([table["row"], listed(keys, np.arange(len(starts)) * BANDS)], schema=PREFIXED)


def _functions() -> tuple[Halves, Halves]:
    numbers = (mixed(np.arange(2 * BANDS * ROWS, dtype=np.uint64)) >> _32).astype(np.uint32)
    return numbers[: BANDS * ROWS] | np.uint32(1), numbers[BANDS * ROWS :]


@compiled
def _sign(shingles: Hashes, starts: Ints, functions: tuple[Halves, Halves], keys: Hashes) -> None:
    least = np.empty(BANDS * ROWS, np.uint32)
    for chat in range(len(starts) - 1):
        some = shingles[starts[chat] : starts[chat + 1]]
        for begin in range(0, BANDS * ROWS, _TILE):
            tile = slice(begin, begin + _TILE)
            _lower(some, functions[0][tile], functions[1][tile], least[tile])
        for band in range(BANDS):
            key = np.uint64(band + 1) * _ODD
            for row in range(ROWS):
                key = (key ^ np.uint64(least[band * ROWS + row])) * _ODD
                key ^= key >> _32
            keys[chat * BANDS + band] = key * _ODD


@compiled
def _lower(shingles: Hashes, factors: Halves, shifts: Halves, least: Halves) -> None:
    """Write the least value of each function."""
    least[:] = _MOST
    for shingle in shingles:
        half = np.uint32(shingle >> _32)
        for at in range(len(least)):
            least[at] = min(least[at], np.uint32(factors[at] * half + shifts[at]))
