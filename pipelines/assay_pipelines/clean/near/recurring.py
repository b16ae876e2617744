"""Which shingles stand in more than one prefix: nearly all do not, and need not travel.

Two tables of bits, by the leading bits of a shingle's hash: noted once, noted again. What recurs is always told; of what
does not, about one in nine is told too, by mistake, and drops out when the rest is sorted.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.near.shingles import flat
from assay_pipelines.clean.rows import Hashes
from assay_pipelines.clean.table import Bools

ENTRIES = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("shingle", pa.uint64()),
        pa.field("place", pa.int64()),  # in the prefix of its row, from 0
    ]
)

_SPARE = 8  # bits per shingle
_LEAST_BITS = 6  # a word
_ONE, _WORD, _INSIDE = np.uint64(1), np.uint64(6), np.uint64(63)


def noted_again(prefixes: Iterable[pa.Table], total: int) -> Hashes:
    """Note all shingles of some prefixes, so many in all, and return the bits of those noted more than once."""
    bits = max(_LEAST_BITS, (_SPARE * total).bit_length())
    once, again = (np.zeros(1 << (bits - _LEAST_BITS), np.uint64) for _ in range(2))
    for table in prefixes:
        _note(flat(table["prefix"])[0], once, again)
    return again


def recurring(table: pa.Table, again: Hashes) -> pa.Table:
    """Reduce prefixes to the shingles that were noted again, and perhaps a few more."""
    values, starts = flat(table["prefix"])
    lengths = np.diff(starts)
    told = np.empty(len(values), np.bool_)
    _told(values, again, told)
    places = np.arange(len(values)) - np.repeat(starts[:-1], lengths)
    row = np.repeat(table["row"].to_numpy(), lengths)
    return pa.table([row[told], values[told], places[told]], schema=ENTRIES)


@compiled
def _note(values: Hashes, once: Hashes, again: Hashes) -> None:
    shift = _shift(len(once))
    for value in values:
        slot = value >> shift
        bit = _ONE << (slot & _INSIDE)
        if once[slot >> _WORD] & bit:
            again[slot >> _WORD] |= bit
        once[slot >> _WORD] |= bit


@compiled
def _told(values: Hashes, again: Hashes, told: Bools) -> None:
    shift = _shift(len(again))
    for place in range(len(values)):
        slot = values[place] >> shift
        told[place] = again[slot >> _WORD] & (_ONE << (slot & _INSIDE)) != 0


@compiled
def _shift(words: int) -> np.uint64:
    """Return by how much a hash is shifted to have as many leading bits as number the bits of so many words."""
    shift = 64 - 6
    while words > 1:
        words //= 2
        shift -= 1
    return np.uint64(shift)
