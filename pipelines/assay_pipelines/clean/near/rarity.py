"""From shingles to prefixes: each chat's rarest shingles, of which two similar chats must share one.

Any order of all shingles that is the same for all chats makes prefixes exact; the rarer those at the front, the fewer
chats meet. How often a shingle occurs is estimated, block by block, from those that recur within one.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.near.shingles import flat, listed
from assay_pipelines.clean.rows import Hashes
from assay_pipelines.clean.table import Ints

COUNTED = pa.schema([pa.field("shingle", pa.uint64()), pa.field("count", pa.int64())])
PREFIXED = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("prefix", pa.large_list(pa.uint64())),  # rarest first
    ]
)

_MOST_OF_BLOCK = 1 << 17
_MOST = 1 << 20
_BUCKET_BITS = 16


@dataclass(frozen=True)
class Frequent:
    """Shingles that recur, ascending, with about how often; all others count as rarer."""

    shingles: Hashes
    counts: Ints
    buckets: Ints  # where shingles with given leading bits begin

    @classmethod
    def of(cls, counted: Iterable[pa.Table]) -> "Frequent":
        """Add up the counts of all blocks."""
        shingles, counts = np.empty(0, np.uint64), np.empty(0, np.int64)
        for table in counted:
            both = np.concatenate([shingles, table["shingle"].to_numpy()])
            shingles, places = np.unique(both, return_inverse=True)
            summed = np.bincount(places, np.concatenate([counts, table["count"].to_numpy()]))
            counts = summed.astype(np.int64)
            chosen = np.sort(np.lexsort((shingles, -counts))[:_MOST])
            shingles, counts = shingles[chosen], counts[chosen]
        edges = np.arange(1 << _BUCKET_BITS, dtype=np.uint64) << np.uint64(64 - _BUCKET_BITS)
        buckets = np.append(np.searchsorted(shingles, edges), len(shingles))
        return cls(shingles, counts, buckets)


def counted(table: pa.Table) -> pa.Table:
    """Count the shingles of a block that more than one of its chats has: the most frequent of them."""
    values = np.sort(flat(table["shingles"])[0])
    first = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])) if len(values) else values
    counts = np.diff(np.append(first, len(values))).astype(np.int64)
    shingles = values[first.astype(np.int64)][counts > 1]
    counts = counts[counts > 1]
    chosen = np.lexsort((shingles, -counts))[:_MOST_OF_BLOCK]
    return pa.table([shingles[chosen], counts[chosen]], schema=COUNTED)


def prefixed(table: pa.Table, frequent: Frequent, jaccard: float) -> pa.Table:
    """Reduce each chat's shingles to its prefix."""
    shingles, starts = flat(table["shingles"])
    places = np.concatenate([np.zeros(1, np.int64), np.cumsum(prefix_lengths(np.diff(starts), jaccard))])
    prefixes = np.empty(places[-1], np.uint64)
    rarest(shingles, starts, (frequent.shingles, frequent.counts, frequent.buckets), prefixes, places)
    return pa.table([table["row"], listed(prefixes, places)], schema=PREFIXED)


def prefix_lengths(sizes: Ints, jaccard: float) -> Ints:
    """Return the lengths of the prefixes of sets of these sizes."""
    distinct, which = np.unique(sizes, return_inverse=True)
    return np.array([prefix_length(size, jaccard) for size in distinct.tolist()], np.int64)[which]


def prefix_length(size: int, jaccard: float) -> int:
    """Return how many of a set's first elements any set that similar to it must meet.

    An overlap of o of n elements allows a similarity of o / n at most.
    """
    overlap = max(0, math.floor(size * jaccard) - 1)
    while overlap < size and overlap / size < jaccard:
        overlap += 1
    return size - max(overlap, 1) + 1 if size else 0


@compiled
def rarest(
    shingles: Hashes, starts: Ints, frequent: tuple[Hashes, Ints, Ints], prefixes: Hashes, places: Ints
) -> None:
    """Write the rarest shingles of each chat, in the order of their counts, then of themselves."""
    known, counts, buckets = frequent
    for chat in range(len(starts) - 1):
        at, end = places[chat], places[chat + 1]
        begin = starts[chat]
        for place in range(begin, starts[chat + 1]):  # those that are not known come first, as they stand
            if at == end:
                break
            if _place(shingles[place], known, buckets) < 0:
                prefixes[at] = shingles[place]
                at += 1
        if at == end:
            continue
        others = np.empty(starts[chat + 1] - begin, np.uint64)
        weights = np.empty(len(others), np.int64)
        filled = 0
        for place in range(begin, starts[chat + 1]):
            found = _place(shingles[place], known, buckets)
            if found >= 0:
                others[filled], weights[filled] = shingles[place], counts[found]
                filled += 1
        order = np.argsort(weights[:filled], kind="mergesort")  # stable
        for place in range(end - at):
            prefixes[at + place] = others[order[place]]


@compiled
def _place(shingle: np.uint64, known: Hashes, buckets: Ints) -> int:
    bucket = np.int64(shingle >> np.uint64(64 - _BUCKET_BITS))
    low, high = buckets[bucket], buckets[bucket + 1]
    while low < high:
        middle = (low + high) // 2
        if known[middle] < shingle:
            low = middle + 1
        else:
            high = middle
    return low if low < buckets[bucket + 1] and known[low] == shingle else -1
