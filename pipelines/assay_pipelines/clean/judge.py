"""One pass over a batch of the working table: take over what the driver decided, judge by local steps, make keys.

Pure: a function of the batch and of the pass. It runs inside Ray Data's tasks and, in tests, without them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.api.clean import ExactDuplicates
from assay_pipelines.clean.rows import among
from assay_pipelines.clean.steps import LOCAL
from assay_pipelines.clean.steps.exact_duplicates import text_keys
from assay_pipelines.clean.table import WORKING, Bools, Chats, Ints, Judgement, lines_array


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass does."""

    first: bool  # whether the rows come fresh from intake, with its lines
    steps: tuple[tuple[int, str, tuple[Any, ...]], ...]  # local steps: number, kind, and what they are given
    joining: tuple[int, ...]  # for each source, the step at which it joins
    key_for: tuple[int, ExactDuplicates] | None  # make keys for the step with this number
    gone: Ints  # rows that the driver dropped since the last pass, sorted
    aside: Ints  # rows that are set aside and meet no step, sorted


def judge(table: pa.Table, this: Pass) -> pa.Table:
    """Carry out one pass over a batch."""
    table = table.combine_chunks()
    row = table["row"].to_numpy()
    kept = table["kept"].to_numpy(zero_copy_only=False) & ~among(row, this.gone)
    judged = kept & ~among(row, this.aside)
    joining = np.array(this.joining, np.int64)[table["source"].to_numpy()]
    lines: list[list[dict[str, Any]]] = table["lines"].to_pylist() if this.first else [[] for _ in row]
    messages = messages_array(table)
    for number, kind, given in this.steps:
        live = np.flatnonzero(judged & kept & (joining <= number))
        chosen = Chats.of(messages.take(pa.array(live)))
        judgement = LOCAL[kind](chosen, *given)
        _note(lines, kept, live, number, judgement)
        if judgement.changes:
            messages = replaced(messages, live, chosen.changed(judgement))
    keys = pa.nulls(len(row), WORKING.field("key").type)
    if this.key_for is not None:
        number, settings = this.key_for
        live = np.flatnonzero(judged & kept & (joining <= number))
        made = pa.array(text_keys(Chats.of(messages.take(pa.array(live))), settings), keys.type)
        keys = _spread(made, live, len(row))
    return carried(table, kept, messages, lines_array(lines), keys)


def messages_array(table: pa.Table) -> pa.Array:
    """Return a batch's messages in one piece."""
    messages = table["messages"].combine_chunks()
    if isinstance(messages, pa.ChunkedArray):
        return pa.concat_arrays(messages.chunks) if messages.num_chunks else pa.array([], messages.type)
    return messages


def carried(
    table: pa.Table, kept: Bools, messages: pa.Array, lines: pa.Array, keys: pa.Array | None
) -> pa.Table:
    """Return a batch after a pass: rows that fell lose their messages."""
    dropped = pa.array(~kept)
    empty = pa.array([[]], messages.type)[0]
    return pa.table(
        {
            **{name: table[name] for name in ("row", "source", "hash", "tie")},
            "kept": pa.array(kept),
            "messages": pc.if_else(dropped, empty, messages),
            "meta": pc.if_else(dropped, "", table["meta"]),
            "lines": lines,
            "key": pa.nulls(len(table), WORKING.field("key").type) if keys is None else keys,
        },
        schema=WORKING,
    )


def _note(
    lines: list[list[dict[str, Any]]], kept: Bools, live: Ints, number: int, judgement: Judgement
) -> None:
    for line in judgement.lines:
        place = int(live[line.chat])
        kept[place] &= not line.dropped
        lines[place].append(
            {
                "step": number,
                "dropped": line.dropped,
                "rule": line.rule,
                "score": line.score,
                "detail": line.detail,
            }
        )


def replaced(messages: pa.Array, live: Ints, changed: pa.Array) -> pa.Array:
    """Put changed chats in their places."""
    source = np.arange(len(messages))
    source[live] = len(messages) + np.arange(len(live))
    return pa.concat_arrays([messages, changed]).take(pa.array(source))


def _spread(values: pa.Array, places: Ints, length: int) -> pa.Array:
    source: list[int | None] = [None] * length
    for index, place in enumerate(places.tolist()):
        source[place] = index
    return values.take(pa.array(source, pa.int64()))
