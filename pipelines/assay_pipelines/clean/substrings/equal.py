"""Which windows are equal, and which numbers are among others: hash tables, in time linear in what they are asked.

Keys and fingerprints are as good as random, so their own bits say where they stand.
"""

import numpy as np
import numpy.typing as npt

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.substrings.tokens import Numbers
from assay_pipelines.clean.table import Bools, Ints

Slots = npt.NDArray[np.uint32]

_FREE = np.uint64((1 << 64) - 1)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # fingerprints are small for numbers of 64 bits
_1, _32 = np.uint64(1), np.uint64(32)


def find_first(high: Numbers, low: Numbers, begins: Ints, counts: Ints, first: Ints) -> None:
    """Set `first[i]`, for every window number i in some runs, to the smallest number of a window with the same two keys.

    The runs have the numbers `begins[r]`, `begins[r] + 1`, …, as many as `counts[r]`; their keys stand one run after another.
    """
    # memory is touched only where a key is new
    slots, least = np.zeros(_room(len(high)), np.uint32), np.empty(len(high), np.int64)
    _grouped(high, low, begins, counts, slots, least, first)


def _room(count: int) -> int:
    """Return for how many slots there is to be room, a power of two: at most two thirds of them are taken."""
    return 1 << max(4, (3 * count // 2).bit_length())


@compiled
def _grouped(  # noqa: PLR0913, PLR0917 -- a kernel works on arrays that it is given
    high: Numbers,
    low: Numbers,
    begins: Ints,
    counts: Ints,
    slots: Slots,
    least: Ints,
    first: Ints,
) -> None:
    """Visit windows in the order of their keys. A slot holds one more than the place where a key came first, 0 if free.

    `least` has at that place the smallest window so far; `first` holds the place until all are known.
    """
    mask, place = np.uint64(len(slots) - 1), 0
    for run in range(len(begins)):
        for window in range(begins[run], begins[run] + counts[run]):
            slot = high[place] & mask
            while True:
                found = np.int64(slots[slot]) - 1
                if found < 0:
                    slots[slot] = place + 1
                    first[window], least[place] = place, window
                    break
                if high[found] == high[place] and low[found] == low[place]:
                    first[window], least[found] = found, min(least[found], window)
                    break
                slot = (slot + _1) & mask
            place += 1
    for run in range(len(begins)):
        for window in range(begins[run], begins[run] + counts[run]):
            first[window] = least[first[window]]


def slots_of(numbers: Numbers) -> Numbers:
    """Return a hash table of distinct numbers, for `found_in`."""
    slots = np.full(_room(len(numbers)), _FREE)
    _put(numbers, slots)
    return slots


def found_in(slots: Numbers, values: Numbers) -> Bools:
    """Say which values are among the numbers of a hash table. The largest of 64 bits, which marks free slots, always is."""
    found = np.empty(len(values), np.bool_)
    _look(values, slots, found)
    return found


@compiled
def _put(numbers: Numbers, slots: Numbers) -> None:
    for number in numbers:
        slots[_slot(number, slots)] = number


@compiled
def _look(values: Numbers, slots: Numbers, found: Bools) -> None:
    for place in range(len(values)):
        found[place] = slots[_slot(values[place], slots)] == values[place]


@compiled
def _slot(number: np.uint64, slots: Numbers) -> np.uint64:
    """Return the slot that holds a number, or the free one where it would stand."""
    mask = np.uint64(len(slots) - 1)
    slot = ((number * _SPREAD) >> _32) & mask
    while slots[slot] != number and slots[slot] != _FREE:
        slot = (slot + _1) & mask
    return slot


def spread(begins: Ints, counts: Ints) -> Ints:
    """Return begin, begin + 1, … for each begin, as many as counted."""
    made = np.empty(int(counts.sum()), np.int64)
    _spread(begins, counts, made)
    return made


@compiled
def _spread(begins: Ints, counts: Ints, made: Ints) -> None:
    place = 0
    for run in range(len(begins)):
        for step in range(counts[run]):
            made[place] = begins[run] + step
            place += 1
