"""Which windows are equal: a hash table over their keys, in time linear in their number whatever they repeat."""

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.substrings.tokens import Numbers
from assay_pipelines.clean.table import Ints

_FILL = 2  # slots per key, at least


def find_first(keys: Numbers, index: Ints, first: Ints) -> None:
    """Set `first[i]`, for every window number i in `index`, to the smallest number of a window with the same two keys."""
    slots = 1 << max(4, (_FILL * len(index)).bit_length())
    _grouped(keys[0], keys[1], index, np.full(slots, -1, np.int64), first)


@compiled
def _grouped(high: Numbers, low: Numbers, index: Ints, slots: Ints, first: Ints) -> None:
    mask = np.uint64(len(slots) - 1)
    least = index.copy()
    home = np.empty(len(index), np.int64)
    for entry in range(len(index)):
        slot = high[entry] & mask
        while True:
            found = slots[slot]
            if found < 0:
                slots[slot] = found = entry
            if high[found] == high[entry] and low[found] == low[entry]:
                break
            slot = (slot + np.uint64(1)) & mask
        home[entry] = found
        least[found] = min(least[found], index[entry])
    for entry in range(len(index)):
        first[index[entry]] = least[home[entry]]
