"""Which windows are equal: a hash table over their keys, in time linear in their number whatever they repeat."""

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.substrings.tokens import Numbers
from assay_pipelines.clean.table import Ints

_FILL = 2  # slots per key, at least


def find_first(high: Numbers, low: Numbers, begins: Ints, counts: Ints, first: Ints) -> None:
    """Set `first[i]`, for every window number i in some runs, to the smallest number of a window with the same two keys.

    The runs have the numbers `begins[r]`, `begins[r] + 1`, …, as many as `counts[r]`; their keys stand one run after another.
    """
    slots = 1 << max(4, (_FILL * len(high)).bit_length())
    offsets, order = np.cumsum(counts) - counts, np.argsort(begins)
    # memory is touched only where a key is new: pages of zeros cost nothing until then
    _grouped(
        high,
        low,
        begins,
        counts,
        offsets,
        order,
        np.zeros(slots, np.int64),
        np.empty(len(high), np.int64),
        first,
    )


@compiled
def _grouped(  # noqa: PLR0913, PLR0917 -- a kernel works on arrays that it is given
    high: Numbers,
    low: Numbers,
    begins: Ints,
    counts: Ints,
    offsets: Ints,
    order: Ints,
    slots: Ints,
    number: Ints,
    first: Ints,
) -> None:
    """Visit windows by their numbers. A slot holds one more than the place of a key, 0 if free; `number` its window."""
    mask = np.uint64(len(slots) - 1)
    for run in order:
        for step in range(counts[run]):
            place, window = offsets[run] + step, begins[run] + step
            slot = high[place] & mask
            while True:
                found = slots[slot] - 1
                if found < 0:
                    slots[slot] = place + 1
                    number[place] = first[window] = window
                    break
                if high[found] == high[place] and low[found] == low[place]:
                    first[window] = number[found]
                    break
                slot = (slot + np.uint64(1)) & mask


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
