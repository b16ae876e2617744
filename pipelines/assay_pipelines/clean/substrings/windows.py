"""Windows of a fixed number of tokens, and which of them may stand elsewhere too.

Every window is known by a fingerprint, the smallest hash of the k-grams in it (winnowing, Schleimer et al. 2003): equal windows
have equal fingerprints, and neighbours mostly share one. So of about one in 2/(w + 1) k-grams a fingerprint is taken, where a
window has w of them, and only windows whose fingerprint is taken at two places or more can be equal to another.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.substrings.field import PRIME, Points, minus, plus, power, times
from assay_pipelines.clean.substrings.tokens import Numbers
from assay_pipelines.clean.table import Bools, Ints


@dataclass(frozen=True)
class Runs:
    """Windows that follow one another and owe their fingerprint to the same k-gram."""

    chat: Ints
    at: Ints  # the first window, counted in its chat
    count: Ints  # of windows
    fingerprint: Numbers

    def chosen(self, mask: Bools) -> Self:
        """Return some of the runs."""
        return type(self)(self.chat[mask], self.at[mask], self.count[mask], self.fingerprint[mask])


def runs_of(values: Numbers, bounds: Ints, length: int, points: Points) -> Runs:
    """Return all windows of `length` tokens. `values` are one number per token; `bounds` say where each chat's tokens begin."""
    most = int(np.maximum(np.diff(bounds) - length + 1, 0).sum())
    chat, at, count = (np.empty(most, np.int64) for _ in range(3))
    fingerprint = np.empty(most, np.uint64)
    gram = (length + 1) // 2
    base = np.uint64(points.gram)
    made = _winnowed(values, bounds, length, base, power(points.gram, gram), chat, at, count, fingerprint)
    return Runs(chat[:made].copy(), at[:made].copy(), count[:made].copy(), fingerprint[:made].copy())


def keys_of(values: Numbers, starts: Ints, counts: Ints, length: int, points: Points) -> Numbers:
    """Return two numbers for each window: equal windows, equal numbers.

    `values` are two numbers per token; runs of `counts` windows begin at the tokens `starts`, in rising order.
    """
    keys = np.empty((2, int(counts.sum())), np.uint64)
    for each, point in enumerate(points.window):
        _rolled(values[each], starts, counts, length, np.uint64(point), power(point, length - 1), keys[each])
    return keys


@compiled
def _winnowed(  # noqa: C901, PLR0912, PLR0913, PLR0917 -- a kernel: one loop, and arrays that it writes into
    values: Numbers,
    bounds: Ints,
    length: int,
    base: np.uint64,
    factor: np.uint64,
    chat_out: Ints,
    at_out: Ints,
    count_out: Ints,
    fingerprint_out: Numbers,
) -> int:
    gram = (length + 1) // 2
    width = length - gram + 1
    ring = np.empty(width, np.uint64)  # the hashes of the last k-grams
    runs = 0
    for chat in range(len(bounds) - 1):
        low, tokens = bounds[chat], bounds[chat + 1] - bounds[chat]
        if tokens < length:
            continue
        rolling, least = np.uint64(0), PRIME
        least_at, run_at, slot = -1, -1, 0
        for place in range(tokens):
            rolling = plus(times(rolling, base), values[low + place])
            if place >= gram:
                rolling = minus(rolling, times(values[low + place - gram], factor))
            here = place - gram + 1
            if here < 0:
                continue
            ring[slot] = rolling
            if rolling <= least:
                least, least_at = rolling, here
            elif least_at <= here - width:
                least = PRIME
                oldest = slot
                for back in range(width):
                    oldest += 1
                    if oldest == width:
                        oldest = 0
                    if ring[oldest] <= least:
                        least, least_at = ring[oldest], here - width + 1 + back
            slot += 1
            if slot == width:
                slot = 0
            if here < width - 1:
                continue
            if least_at != run_at:
                run_at = least_at
                chat_out[runs] = chat
                at_out[runs] = here - width + 1
                count_out[runs] = 0
                fingerprint_out[runs] = least
                runs += 1
            count_out[runs - 1] += 1
    return runs


@compiled
def _rolled(  # noqa: PLR0913, PLR0917 -- a kernel writes into arrays that it is given
    values: Numbers,
    starts: Ints,
    counts: Ints,
    length: int,
    base: np.uint64,
    factor: np.uint64,
    keys: Numbers,
) -> None:
    """Hash the windows of all runs, rolling over gaps that are shorter than a window."""
    made, rolling, window = 0, np.uint64(0), -1
    for run in range(len(starts)):
        start = starts[run]
        if window < 0 or start - window > length:
            rolling = np.uint64(0)
            for place in range(start, start + length):
                rolling = plus(times(rolling, base), values[place])
            window = start
        for target in range(start, start + counts[run]):
            while window < target:
                rolling = minus(rolling, times(values[window], factor))
                rolling = plus(times(rolling, base), values[window + length])
                window += 1
            keys[made] = rolling
            made += 1
