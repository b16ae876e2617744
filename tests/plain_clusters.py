"""Texts that resemble each other, and the step that finds them, without Ray."""

import random
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import strategies as st

from assay.api.clean import NearDuplicates
from assay_pipelines.clean import steps
from assay_pipelines.clean.blocks import Here
from assay_pipelines.clean.near import rounds
from assay_pipelines.clean.near.rounds import BATCH_WORDS, MOST_PAIRS
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.steps.near_duplicates import PART_ENTRIES, near_duplicates
from plain_steps import working

EDITS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["cut", "put", "set"])), max_size=4)
SOME = st.lists(st.tuples(st.integers(0, 3), EDITS, st.integers(0, 2)), min_size=1, max_size=16)


def compared(texts, *, sources=None, cuts=(), turned=False, live=None, held=Here, **step):
    """Judge texts, cut into blocks. Returns the rows, and by dropped place the survivor, the score and the cluster."""
    table = working([[("user", text)] for text in texts], sources)
    rows = Rows.of(table)
    edges = [0, *sorted(cuts), len(texts)]
    blocks = [table.slice(begin, end - begin) for begin, end in pairwise(edges)]
    places = np.arange(len(texts)) if live is None else np.array(live, np.int64)
    verdict = near_duplicates(
        held(blocks[::-1] if turned else blocks), rows, places, NearDuplicates.model_validate(step)
    )
    told = zip(verdict.duplicate_of.tolist(), verdict.score.tolist(), verdict.cluster.tolist(), strict=True)
    return rows, dict(zip(verdict.dropped.tolist(), told, strict=True))


@contextmanager
def small(*, part=PART_ENTRIES, batch=BATCH_WORDS, pairs=MOST_PAIRS):
    """Let parts, batches and what the driver holds at a time be small, as if there were far more chats."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps.near_duplicates, "PART_ENTRIES", part)
        patch.setattr(rounds, "BATCH_WORDS", batch)
        patch.setattr(rounds, "MOST_PAIRS", pairs)
        yield


@dataclass
class Sizes:
    """What was seen of blocks."""

    gathered: list[int] = field(default_factory=list)  # bytes of each part, by worker
    brought: int = 0  # bytes that came to the driver
    judged: int = 0  # pairs


class Measured(Here):
    """Blocks in this process that note what is gathered from them and what is brought to the driver."""

    def __init__(self, tables, sizes):
        super().__init__(tables)
        self._sizes = sizes

    def map(self, function):
        return Measured(super().map(function).tables(), self._sizes)

    def held(self):
        return Measured(super().held().tables(), self._sizes)

    def parted(self, cut, functions):
        def noting(function, table):
            self._sizes.gathered.append(table.nbytes)
            return function(table)

        parts = super().parted(cut, [partial(noting, function) for function in functions])
        return Measured(parts.tables(), self._sizes)

    def tables(self):
        for table in super().tables():
            self._sizes.brought += table.nbytes
            self._sizes.judged += len(table) if "similarity" in table.column_names else 0
            yield table


def words(count, prefix="w"):
    return [f"{prefix}{place}" for place in range(count)]


def joined(*parts):
    return " ".join(word for part in parts for word in part)


def edited(seed, edits):
    draw = random.Random(seed)
    text = [draw.choice("abcdef") for _ in range(seed * 9)]
    for place, kind in edits:
        at = place % (len(text) + 1)
        text[at : at + (kind != "put")] = [] if kind == "cut" else ["z"]
    return " ".join(text)
