"""Texts that resemble each other, and the step that finds them, without Ray."""

import random
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from assay.api.clean import NearDuplicates
from assay_pipelines.clean.blocks import Here
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.steps.near_duplicates import near_duplicates
from plain_steps import working

EDITS = st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["cut", "put", "set"])), max_size=4)
SOME = st.lists(st.tuples(st.integers(0, 3), EDITS, st.integers(0, 2)), min_size=1, max_size=16)


def compared(texts, *, sources=None, cuts=(), turned=False, live=None, **step):
    """Judge texts, cut into blocks. Returns the rows, and by dropped place the survivor, the score and the cluster."""
    table = working([[("user", text)] for text in texts], sources)
    rows = Rows.of(table)
    edges = [0, *sorted(cuts), len(texts)]
    blocks = [table.slice(begin, end - begin) for begin, end in pairwise(edges)]
    places = np.arange(len(texts)) if live is None else np.array(live, np.int64)
    verdict = near_duplicates(
        Here(blocks[::-1] if turned else blocks), rows, places, NearDuplicates.model_validate(step)
    )
    told = zip(verdict.duplicate_of.tolist(), verdict.score.tolist(), verdict.cluster.tolist(), strict=True)
    return rows, dict(zip(verdict.dropped.tolist(), told, strict=True))


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
