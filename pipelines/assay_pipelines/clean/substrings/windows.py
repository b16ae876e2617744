"""Windows of a fixed number of tokens, and which of them may stand elsewhere too.

Every window is known by a fingerprint, the smallest hash of the k-grams in it (winnowing, Schleimer et al. 2003): equal windows
have equal fingerprints, and neighbours mostly share one. So of about one in 2/(w + 1) k-grams a fingerprint is taken, where a
window has w of them, and only windows whose fingerprint is taken at two places or more can be equal to another. Fingerprints
of different windows may agree, as windows are compared by their keys: so they are hashed in the processor's own arithmetic.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.substrings.field import Points, minus, plus, power, times
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
    base, factor = np.uint64(points.gram), np.uint64(pow(points.gram, _gram(length), 1 << 64))
    made = _winnowed(values, bounds, length, base, factor, chat, at, count, fingerprint)
    return Runs(chat[:made].copy(), at[:made].copy(), count[:made].copy(), fingerprint[:made].copy())


def keys_of(values: Numbers, starts: Ints, counts: Ints, length: int, points: Points) -> Numbers:
    """Return two numbers for each window: equal windows, equal numbers.

    `values` are two numbers per token; runs of `counts` windows begin at the tokens `starts`, in rising order.
    """
    keys = np.empty((2, int(counts.sum())), np.uint64)
    one, two = points.window
    bases = (np.uint64(one), np.uint64(two))
    factors = (power(one, length - 1), power(two, length - 1))
    _rolled(values, starts, counts, length, bases, factors, keys)
    return keys


@compiled
def _gram(length: int) -> int:
    return (length + 1) // 2


@compiled
def _winnowed(  # noqa: PLR0913, PLR0917 -- a kernel writes into arrays that it is given
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
    gram = _gram(length)
    width = length - gram + 1
    hashes = np.empty(len(values), np.uint64)  # of the k-grams of a chat
    runs = 0
    for chat in range(len(bounds) - 1):
        low, tokens = bounds[chat], bounds[chat + 1] - bounds[chat]
        if tokens < length:
            continue
        grams = tokens - gram + 1
        _hash_grams(values[low : low + tokens], gram, base, factor, hashes)
        at = following = least_at = 0
        while following < grams:  # a window that is in no run yet ends at the k-gram before this
            if following >= least_at + width or not at:
                least_at = at
                for other in range(at + 1, at + width):
                    if hashes[other] <= hashes[least_at]:
                        least_at = other
            else:
                least_at = following
            least = hashes[least_at]
            following = at + width
            while following < min(least_at + width, grams) and hashes[following] > least:
                following += 1
            chat_out[runs], at_out[runs], fingerprint_out[runs] = chat, at, least
            count_out[runs] = following - width + 1 - at
            at += count_out[runs]
            runs += 1
    return runs


@compiled
def _hash_grams(values: Numbers, gram: int, base: np.uint64, factor: np.uint64, hashes: Numbers) -> None:
    rolling = np.uint64(0)
    for place in range(gram - 1):
        rolling = (rolling + values[place]) * base
    for place in range(len(values) - gram + 1):
        rolling = (rolling + values[place + gram - 1]) * base
        hashes[place] = rolling
        rolling -= values[place] * factor


@compiled
def _rolled(  # noqa: PLR0913, PLR0917 -- a kernel writes into arrays that it is given
    values: Numbers,
    starts: Ints,
    counts: Ints,
    length: int,
    bases: tuple[np.uint64, np.uint64],
    factors: tuple[np.uint64, np.uint64],
    keys: Numbers,
) -> None:
    """Hash the windows of all runs, rolling over gaps that are shorter than a window."""
    made, window = 0, -1
    one = two = np.uint64(0)
    for run in range(len(starts)):
        start = starts[run]
        if window < 0 or start - window > length:
            one = two = np.uint64(0)
            for place in range(start, start + length):
                one = plus(times(one, bases[0]), values[0, place])
                two = plus(times(two, bases[1]), values[1, place])
            window = start
        for target in range(start, start + counts[run]):
            while window < target:
                one = minus(one, times(values[0, window], factors[0]))
                two = minus(two, times(values[1, window], factors[1]))
                one = plus(times(one, bases[0]), values[0, window + length])
                two = plus(times(two, bases[1]), values[1, window + length])
                window += 1
            keys[0, made], keys[1, made] = one, two
            made += 1
