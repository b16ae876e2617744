"""One pass over a batch of the working table: take over what the driver decided, judge by local steps, make keys.

Pure: a function of the batch and of the pass. It runs inside Ray Data's tasks and, in tests, without them.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay_pipelines.clean.rows import among
from assay_pipelines.clean.steps import KEYS, LOCAL
from assay_pipelines.clean.table import LINES, WORKING, Bools, Chats, Ints, Line, no_lines, with_lines


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass does."""

    first: bool  # whether the rows come fresh from intake, with its lines
    steps: tuple[tuple[int, str, tuple[Any, ...]], ...]  # local steps: number, kind, and what they are given
    joining: tuple[int, ...]  # for each source, the step at which it joins
    key_for: tuple[int, str, Any] | None  # make keys for the step with this number, of this kind and settings
    gone: Ints  # rows that the driver dropped since the last pass, sorted
    aside: Ints  # rows that are set aside and meet no step, sorted

    @property
    def name(self) -> str:
        """Tell the pass from all others of its stage: by the numbers of its steps, and by what the driver decided."""
        numbers = [number for number, *_ in (*self.steps, *((self.key_for,) if self.key_for else ()))]
        digest = hashlib.sha256(f"{self.first} {numbers} {len(self.gone)} ".encode())
        digest.update(self.gone.tobytes() + self.aside.tobytes())
        return digest.hexdigest()[:32]


def judge(table: pa.Table, this: Pass) -> pa.Table:
    """Carry out one pass over a batch."""
    table = table.combine_chunks()
    row = table["row"].to_numpy()
    kept = table["kept"].to_numpy(zero_copy_only=False) & ~among(row, this.gone)
    judged = kept & ~among(row, this.aside)
    joining = np.array(this.joining, np.int64)[table["source"].to_numpy()]
    chats = Chats.of(messages_array(table))
    lines = _one_piece(table["lines"]) if this.first else no_lines(len(row))
    for number, kind, given in this.steps:
        live = np.flatnonzero(judged & kept & (joining <= number))
        chosen = chats.only(live)
        judgement = LOCAL[kind](chosen, *given)
        places, more = _noted(live, number, judgement.lines)
        lines = with_lines(lines, places, more)
        kept[places] &= ~more.field("dropped").to_numpy(zero_copy_only=False)
        if judgement.changes:
            chats = chats.changed(judgement.within(chats, live))
    keys = pa.nulls(len(row), WORKING.field("key").type)
    if this.key_for is not None:
        number, kind, settings = this.key_for
        live = np.flatnonzero(judged & kept & (joining <= number))
        made = pa.array(KEYS[kind](chats.only(live), settings), keys.type)
        keys = _spread(made, live, len(row))
    return carried(table, kept, chats, lines, keys)


def messages_array(table: pa.Table) -> pa.Array:
    """Return a batch's messages in one piece."""
    return _one_piece(table["messages"])


def _one_piece(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)  # `combine_chunks` would copy it
    column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def carried(table: pa.Table, kept: Bools, chats: Chats, lines: pa.Array, keys: pa.Array | None) -> pa.Table:
    """Return a batch after a pass: rows that fell lose their messages."""
    return pa.table(
        {
            **{name: table[name] for name in ("row", "source", "hash", "tie")},
            "kept": pa.array(kept),
            "messages": chats.less(~kept[chats.chat]).messages,
            "meta": pc.if_else(pa.array(kept), table["meta"], ""),
            "lines": lines,
            "key": pa.nulls(len(table), WORKING.field("key").type) if keys is None else keys,
        },
        schema=WORKING,
    )


def _noted(live: Ints, number: int, lines: list[Line]) -> tuple[Ints, pa.Array]:
    """Encode the ledger lines of a step, and say at which places of the batch their rows are."""
    columns = {
        "step": pa.repeat(number, len(lines)),
        "dropped": pa.array([line.dropped for line in lines]),
        "rule": pa.array([line.rule for line in lines]),
        "score": pa.array([line.score for line in lines]),
        "detail": pa.array([line.detail for line in lines]),
        "original": pa.nulls(len(lines)),
    }
    arrays = [columns[each.name].cast(each.type) for each in LINES.value_type]
    places = live[np.fromiter((line.chat for line in lines), np.int64, len(lines))]
    return places, pa.StructArray.from_arrays(arrays, fields=list(LINES.value_type))


def _spread(values: pa.Array, places: Ints, length: int) -> pa.Array:
    source = np.full(length, -1)
    source[places] = np.arange(len(places))
    return values.take(pa.array(source, mask=source < 0))
