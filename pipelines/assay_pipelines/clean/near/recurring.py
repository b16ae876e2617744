"""Which shingles stand in more than one prefix: nearly all do not, and need not be sorted.

Two tables of bits, by the leading bits of a shingle's hash: noted once, noted again. What recurs is always told; of what
does not, about one in nine is told too, by mistake.
"""

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.rows import Hashes
from assay_pipelines.clean.table import Bools

_SPARE = 8  # bits per shingle
_LEAST_BITS = 6  # a word
_ONE, _WORD, _INSIDE = np.uint64(1), np.uint64(6), np.uint64(63)


def perhaps_recurring(values: Hashes) -> Bools:
    """Say which values are there more than once, and of perhaps a few others too."""
    bits = max(_LEAST_BITS, (_SPARE * len(values)).bit_length())
    once, again = (np.zeros(1 << (bits - _LEAST_BITS), np.uint64) for _ in range(2))
    told = np.empty(len(values), np.bool_)
    _tell(values, np.uint64(64 - bits), (once, again), told)
    return told


@compiled
def _tell(values: Hashes, shift: np.uint64, noted: tuple[Hashes, Hashes], told: Bools) -> None:
    once, again = noted
    for value in values:
        slot = value >> shift
        bit = _ONE << (slot & _INSIDE)
        if once[slot >> _WORD] & bit:
            again[slot >> _WORD] |= bit
        once[slot >> _WORD] |= bit
    for place in range(len(values)):
        slot = values[place] >> shift
        told[place] = again[slot >> _WORD] & (_ONE << (slot & _INSIDE)) != 0
