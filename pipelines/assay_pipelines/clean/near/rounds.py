"""Clusters of similar chats, in rounds: parts offer pairs, workers judge them, the driver links what is similar.

The driver knows three numbers of each chat, its cluster, and some pairs at a time. Words are hashed where the texts lie, and
go to the worker that judges a batch of pairs. What comes out depends neither on how pairs are offered nor on batches.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa

from assay.api.clean import NearDuplicates
from assay_pipelines.clean.blocks import Blocks
from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.near.pairs import Least, Lists, similarities
from assay_pipelines.clean.near.parts import OFFERED, Turn, distinct
from assay_pipelines.clean.near.shingles import (
    WORDED,
    chosen_chats,
    chosen_rows,
    flat,
    in_order,
    listed,
    shingles_of,
    words_of,
)
from assay_pipelines.clean.table import Floats, Ints

MOST_PAIRS = 1 << 20  # that the driver holds at a time, but for one shingle's of each part
BATCH_WORDS = 1 << 22  # of a batch's chats; at 32 bytes each, 130 MB

_JUDGED = pa.schema([pa.field("pair", pa.int64()), pa.field("similarity", pa.float64())])


@dataclass(frozen=True)
class Known:
    """What the driver knows of the chats that are compared: their numbers are their places here."""

    row: Ints
    size: Ints  # the number of their shingles
    words: Ints


def clusters(blocks: Blocks, parts: Blocks, many: int, known: Known, step: NearDuplicates) -> Ints:
    """Return for each chat the number of its cluster, which is one of its members."""
    least = Least(step.jaccard, step.edit_similarity)
    turn: Turn | None = Turn(
        number=0,
        begin=np.zeros(many, np.int64),
        cluster=np.arange(len(known.row)),
        size=known.size,
        jaccard=step.jaccard,
        most=1 + MOST_PAIRS // many,
    )
    while turn is not None:
        offered = pa.concat_tables([OFFERED.empty_table(), *parts.map(turn).tables()])
        one, other = (offered[name].combine_chunks().flatten().to_numpy() for name in ("one", "other"))
        pairs = distinct(one, other, len(known.row))
        similar = judged(blocks, pairs, known, least, step.shingle) >= 0
        cluster = linked(turn.cluster, pairs[0][similar], pairs[1][similar])
        turn = turn.following(offered, cluster)
    return cluster


def judged(blocks: Blocks, pairs: tuple[Ints, Ints], known: Known, least: Least, width: int) -> Floats:
    """Return the similarity of each pair, or -1 of those that are not similar; equals of the first side stand together."""
    result = np.empty(len(pairs[0]), np.float64)
    for begin in range(0, len(result), MOST_PAIRS):
        one, other = (side[begin : begin + MOST_PAIRS] for side in pairs)
        edges = _edges(known.words[one], known.words[other], one)
        batches = [
            Batch(begin + first, known.row[one[first:end]], known.row[other[first:end]], least, width)
            for first, end in pairwise(edges)
        ]
        for table in blocks.parted(_Words([batch.row for batch in batches]), batches).tables():
            result[table["pair"].to_numpy()] = table["similarity"].to_numpy()
    return result


def _edges(one: Ints, other: Ints, same: Ints) -> list[int]:
    """Return where batches begin and the last one ends: each has so many words of chats, counted once if they stand together."""
    new = np.append(True, same[1:] != same[:-1])
    batch = np.cumsum(other + np.where(new, one, 0)) // BATCH_WORDS
    return [0, *(np.flatnonzero(batch[1:] != batch[:-1]) + 1).tolist(), len(batch)]


@dataclass(frozen=True)
class Batch:
    """Pairs that a worker judges, by their rows."""

    first: int  # the number of the first of these pairs
    one: Ints
    other: Ints
    least: Least
    width: int  # of a shingle

    @cached_property
    def row(self) -> Ints:
        """Return all rows, ascending."""
        return np.unique(np.concatenate([self.one, self.other]))

    def __call__(self, table: pa.Table) -> pa.Table:
        """Judge the pairs, given the words of their chats."""
        words = Lists(*flat(in_order(table)["words"]))
        shingles = Lists(*shingles_of(words.values, words.starts, self.width)[:2])
        places = np.searchsorted(self.row, self.one), np.searchsorted(self.row, self.other)
        found = similarities(shingles, words, places, self.least)
        return pa.table([self.first + np.arange(len(found)), found], schema=_JUDGED)


class _Words:
    """Hashes the words of the chats that batches are about, and cuts them into batches."""

    def __init__(self, rows: list[Ints]) -> None:
        self._rows = rows
        self._all = np.unique(np.concatenate(rows))

    def __call__(self, table: pa.Table) -> list[pa.Table]:
        row, chats = chosen_chats(table, self._all)
        worded = pa.table([row, listed(*words_of(chats))], schema=WORDED)
        return [chosen_rows(worded, some) for some in self._rows]


def linked(cluster: Ints, one: Ints, other: Ints) -> Ints:
    """Join the clusters of pairs: each chat has the number of its cluster's root."""
    joined = cluster.copy()
    _link(joined, one, other)
    return joined


@compiled
def _link(cluster: Ints, one: Ints, other: Ints) -> None:
    for place in range(len(one)):
        cluster[_root(cluster, other[place])] = _root(cluster, one[place])
    for chat in range(len(cluster)):
        cluster[chat] = _root(cluster, chat)


@compiled
def _root(cluster: Ints, chat: int) -> int:
    while cluster[chat] != chat:
        cluster[chat] = cluster[cluster[chat]]
        chat = cluster[chat]
    return chat
