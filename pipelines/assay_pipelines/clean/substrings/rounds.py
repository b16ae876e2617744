"""Finding repeats over blocks, in three rounds; texts stay where they are.

1. Every block takes the fingerprints of its windows and tells each once, about 0.6 bytes per token. The driver sees which are
   taken twice, and then in which rows.
2. Every block makes keys of the windows with such fingerprints and holds them, 16 bytes per window. The driver sees which
   fingerprints are owed by runs of windows that differ. Of these runs each window is compared, other runs are compared whole: at
   the ends of a repeat runs differ, within it they do not. Keys come to the driver in parts, by fingerprint, so that equals
   meet. It keeps 32 bytes of each: chat, place, windows, first equal.
3. Every block cuts out what the driver decided, which is told by row and token.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from assay.api.clean import DuplicateSubstrings
from assay_pipelines.clean.account import Account
from assay_pipelines.clean.blocks import Blocks, collected
from assay_pipelines.clean.judge import messages_array
from assay_pipelines.clean.rows import Rows, among, place_in_group
from assay_pipelines.clean.steps.duplicate_substrings import Windows, duplicate_substrings
from assay_pipelines.clean.steps.verdict import NOWHERE
from assay_pipelines.clean.substrings.cut import Cuts, cut_out
from assay_pipelines.clean.substrings.equal import find_first, found_in, slots_of, spread
from assay_pipelines.clean.substrings.field import Points
from assay_pipelines.clean.substrings.tokens import Numbers, tokens_of
from assay_pipelines.clean.substrings.windows import Runs, keys_of, runs_of
from assay_pipelines.clean.table import Chats, Ints

PART_WINDOWS = 1 << 23  # windows whose keys the driver compares at a time; at 56 bytes each, less than 500 MB
CHUNK_BYTES = 1 << 20  # of text that is tokenized at a time

_TAKEN = pa.schema([pa.field("row", pa.int64()), pa.field("fingerprint", pa.uint64())])
_TOLD = pa.schema([pa.field("fingerprint", pa.uint64()), pa.field("again", pa.bool_())])
_RUNS = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("tokens", pa.int64()),  # of the row
        pa.field("run", pa.int64()),  # its number among the row's
        pa.field("at", pa.int64()),
        pa.field("fingerprint", pa.uint64()),
        pa.field("count", pa.int64()),
        pa.field("stretches", pa.int64()),  # that its windows are compared in
        pa.field("high", pa.list_(pa.uint64())),
        pa.field("low", pa.list_(pa.uint64())),
    ]
)
_PLACES = pa.schema([_RUNS.field(name) for name in ("row", "run", "tokens", "at", "count", "stretches")])
_ENDS = pa.schema([(name, pa.uint64()) for name in ("fingerprint", "high", "low", "last_high", "last_low")])


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is looked for, and where."""

    length: int
    tokenizer: str | None  # the JSON of its file
    points: Points
    rows: Ints  # rising


def without_repeats(
    blocks: Blocks, account: Account, number: int, step: DuplicateSubstrings, tokenizer: str | None
) -> Blocks:
    """Carry out the step with this number on the rows that meet it: the blocks get its lines and lose what goes."""
    rows, live = account.rows, account.live(number)
    search = Search(length=step.min_tokens, tokenizer=tokenizer, points=Points.drawn(), rows=rows.row[live])
    taken = blocks.map(partial(fingerprints, search=search)).held()
    recurring = slots_of(_recurring(taken))
    search = replace(search, rows=_rows_with(taken, recurring))
    found = blocks.map(partial(candidates, search=search, recurring=recurring)).held()
    found = found.map(partial(_parted, differing=slots_of(_differing(found)))).held()
    order = live[np.lexsort((rows.rank[live], rows.source[live]))]
    chats, windows = _windows(found, rows, order)
    spans = duplicate_substrings(windows, step)
    chosen = np.unique(spans.chat)
    chosen = chosen[np.argsort(rows.row[chats[chosen]])]
    turn = np.argsort(rows.row[chats[spans.chat]], kind="stable")
    counts = np.bincount(spans.chat, minlength=len(chats))[chosen]
    original = spans.original[chosen]
    cuts = Cuts(
        step=number,
        drop=step.action == "dropChat",
        tokenizer=tokenizer,
        row=rows.row[chats[chosen]],
        share=spans.share[chosen],
        original=np.where(original < 0, -1, rows.row[chats[original]]),
        bounds=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        begin=spans.begin[turn],
        end=spans.end[turn],
    )
    return blocks.map(partial(cut_out, cuts=cuts)).held()


def fingerprints(table: pa.Table, search: Search) -> pa.Table:
    """Return the fingerprints that are taken in a batch, with their rows."""
    taken = (
        pa.table({"row": chunk.row[chunk.runs.chat], "fingerprint": chunk.runs.fingerprint}, schema=_TAKEN)
        for chunk in _chunks(table, search)
    )
    return pa.concat_tables([_TAKEN.empty_table(), *taken])


def candidates(table: pa.Table, search: Search, recurring: Numbers) -> pa.Table:
    """Return the windows of a batch that have a recurring fingerprint, with their keys."""
    chunks = (_with_keys(chunk, search, recurring) for chunk in _chunks(table, search))
    return pa.concat_tables([_RUNS.empty_table(), *chunks])


def _with_keys(chunk: "_Chunk", search: Search, recurring: Numbers) -> pa.Table:
    runs = chunk.runs.chosen(found_in(recurring, chunk.runs.fingerprint))
    starts = chunk.bounds[runs.chat] + runs.at
    keys = keys_of(chunk.values, starts, runs.count, search.length, search.points)
    offsets = pa.array(np.concatenate([np.zeros(1, np.int64), np.cumsum(runs.count)]), pa.int32())
    columns = {
        "row": chunk.row[runs.chat],
        "run": place_in_group(runs.chat[None]),
        "tokens": np.diff(chunk.bounds)[runs.chat],
        "at": runs.at,
        "fingerprint": runs.fingerprint,
        "count": runs.count,
        "stretches": runs.count,
        "high": pa.ListArray.from_arrays(offsets, pa.array(keys[0])),
        "low": pa.ListArray.from_arrays(offsets, pa.array(keys[1])),
    }
    return pa.table(columns, schema=_RUNS)


@dataclass(frozen=True)
class _Chunk:
    """Some chats of a batch, few enough that their tokens stay in the processor's caches."""

    row: Ints
    values: Numbers  # of their tokens
    bounds: Ints  # where the tokens of each chat begin
    runs: Runs


def _chunks(table: pa.Table, search: Search) -> Iterator[_Chunk]:
    """Tokenize the rows of a batch that are searched, and find their windows."""
    table = table.combine_chunks()
    row = table["row"].to_numpy()
    here = np.flatnonzero(among(row, search.rows))
    messages = messages_array(table)
    chats = Chats.of(messages if len(here) == len(row) else messages.take(pa.array(here)))
    lengths = pc.binary_length(chats.contents).to_numpy(zero_copy_only=False)
    before = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])[chats.starts]
    edges = np.searchsorted(before, np.arange(0, before[-1], CHUNK_BYTES))
    for begin, end in pairwise(np.unique([0, *edges, len(chats)]).tolist()):
        starts = chats.starts[begin : end + 1]
        contents = chats.contents.slice(starts[0], starts[-1] - starts[0])
        tokens = tokens_of(contents, search.points, search.tokenizer)
        bounds = tokens.bounds[starts - starts[0]]
        runs = runs_of(tokens.values[0], bounds, search.length, search.points)
        yield _Chunk(row[here[begin:end]], tokens.values, bounds, runs)


def _recurring(taken: Blocks) -> Numbers:
    """Return the fingerprints that are taken at two places or more, sorted."""
    table = pa.concat_tables([_TOLD.empty_table(), *taken.map(_once).tables()])
    once = np.sort(table["fingerprint"].to_numpy())
    again = table.filter(table["again"])["fingerprint"].to_numpy()
    return np.union1d(once[1:][once[1:] == once[:-1]], again)


def _once(table: pa.Table) -> pa.Table:
    """Tell each fingerprint of a batch once, and whether it is taken again."""
    fingerprint, count = np.unique(table["fingerprint"].to_numpy(), return_counts=True)
    return pa.table({"fingerprint": fingerprint, "again": count > 1}, schema=_TOLD)


def _rows_with(taken: Blocks, recurring: Numbers) -> Ints:
    """Return the rows in which some fingerprints are taken, rising."""
    tables = taken.map(partial(_rows_here, recurring=recurring)).tables()
    return np.unique(np.concatenate([NOWHERE, *(table["row"].to_numpy() for table in tables)]))


def _rows_here(table: pa.Table, recurring: Numbers) -> pa.Table:
    row = table["row"].to_numpy()
    return pa.table({"row": np.unique(row[found_in(recurring, table["fingerprint"].to_numpy())])})


def _differing(found: Blocks) -> Numbers:
    """Return the fingerprints that runs have which differ, sorted.

    Runs are equal if their first and their last windows are: these overlap, as both hold the k-gram of the fingerprint.
    """
    table = pa.concat_tables([_ENDS.empty_table(), *found.map(_ends).tables()])
    fingerprint, *keys = (column.to_numpy() for column in table.columns)
    first, ones = np.empty(len(table), np.int64), np.ones(len(table), np.int64)
    find_first(fingerprint, fingerprint, np.arange(len(table)), ones, first)
    return np.unique(fingerprint[np.any([key != key[first] for key in keys], axis=0)])


def _ends(table: pa.Table) -> pa.Table:
    """Return the keys of the first and the last windows of runs."""
    return pa.concat_tables([_ENDS.empty_table(), *map(_ends_here, table.to_batches())])


def _ends_here(runs: pa.RecordBatch) -> pa.Table:
    count = runs["count"].to_numpy()
    last = np.cumsum(count) - 1
    first = last - count + 1
    high, low = _flat(runs["high"]), _flat(runs["low"])
    columns = [runs["fingerprint"].to_numpy(), high[first], low[first], high[last], low[last]]
    return pa.table(columns, schema=_ENDS)


def _parted(table: pa.Table, differing: Numbers) -> pa.Table:
    """Leave the first key of each run, but all keys of those with some fingerprints."""
    parted = (_parted_here(runs, differing) for runs in table.to_batches())
    return pa.concat_tables([_RUNS.empty_table(), *parted])


def _parted_here(runs: pa.RecordBatch, differing: Numbers) -> pa.Table:
    count = runs["count"].to_numpy()
    stretches = np.where(found_in(differing, runs["fingerprint"].to_numpy()), count, 1)
    kept = spread(np.cumsum(count) - count, stretches)
    offsets = pa.array(np.concatenate([np.zeros(1, np.int64), np.cumsum(stretches)]), pa.int32())
    columns = {name: runs[name] for name in runs.schema.names}
    columns["stretches"] = pa.array(stretches)
    for name in ("high", "low"):
        columns[name] = pa.ListArray.from_arrays(offsets, pa.array(_flat(runs[name])[kept]))
    return pa.table(columns, schema=_RUNS)


def _windows(found: Blocks, rows: Rows, order: Ints) -> tuple[Ints, Windows]:
    """Number all windows in survivor order and find the first equal of each. Returns also their chats' places in `rows`.

    `order` are the live places in survivor order.
    """
    told = collected(found, _PLACES)
    runs = {name: told[name].to_numpy() for name in _PLACES.names}
    place = rows.places(runs["row"])
    sizes = np.bincount(place, minlength=len(rows))[order]
    chats, sizes = order[sizes > 0], sizes[sizes > 0]
    before = np.empty(len(rows), np.int64)  # of each chat: where its runs begin
    before[chats] = np.cumsum(sizes) - sizes
    turn = np.empty(len(told), np.int64)
    turn[before[place] + runs["run"]] = np.arange(len(told))
    runs = {name: values[turn] for name, values in runs.items()}
    stretches = runs["stretches"]
    offsets = np.cumsum(stretches) - stretches
    total = int(stretches.sum())
    windows = Windows(
        chat=np.repeat(np.repeat(np.arange(len(chats)), sizes), stretches),
        at=spread(runs["at"], stretches),
        count=np.repeat(np.where(stretches == 1, runs["count"], 1), stretches),
        first=np.empty(total, np.int64),
        tokens=runs["tokens"][before[chats]],
    )
    parts = 1 + total // PART_WINDOWS
    for part in range(parts):
        tables = found.map(partial(_part, part=part, parts=parts)).tables()
        table = pa.concat_tables([_RUNS.empty_table(), *tables])
        begins = offsets[before[rows.places(table["row"].to_numpy())] + table["run"].to_numpy()]
        high, low = (_flat(table[name].combine_chunks()) for name in ("high", "low"))
        find_first(high, low, begins, table["stretches"].to_numpy(), windows.first)
    return chats, windows


def _part(table: pa.Table, part: int, parts: int) -> pa.Table:
    if parts == 1:
        return table
    return table.filter(pa.array(table["fingerprint"].to_numpy() % np.uint64(parts) == part))


def _flat(lists: pa.ListArray) -> Numbers:
    values: Numbers = lists.flatten().to_numpy()
    return values
