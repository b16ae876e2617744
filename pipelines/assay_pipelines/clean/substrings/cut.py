"""Taking spans of tokens out of chats, or dropping the chats, with a ledger line for each.

Bytes go from the first token of a span to the last, in each turn that it crosses; a byte that a token outside of the
span shares stays. All else stays as it is, white space beside a span too. A turn that is left blank goes, and with it the user's
turn that it answers, or what answers it; a chat of which no such pair is left is dropped.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.judge import carried, messages_array
from assay_pipelines.clean.rows import among
from assay_pipelines.clean.steps.duplicate_substrings import Shares
from assay_pipelines.clean.steps.pairs import numbered
from assay_pipelines.clean.substrings.equal import spread
from assay_pipelines.clean.substrings.tokens import Marks, Places, marks_of
from assay_pipelines.clean.table import LINES, WORKING, Bools, Bytes, Chats, Ints, Texts, no_lines, with_lines
from assay_pipelines.clean.white_space import white_space

_SPAN, _CHAT = "repeatedSpan", "minShare"


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """What becomes of the rows that have repeated spans."""

    step: int
    drop: bool  # the chats, instead of cutting the spans out of them
    tokenizer: str | None
    row: Ints  # rising
    share: Shares  # of the row's tokens in spans
    original: Ints  # the row that it repeats, or -1
    bounds: Ints  # where the spans of each row begin; one more than there are rows
    begin: Ints
    end: Ints


class _Pieces(NamedTuple):
    """The parts of spans that lie in one message each, in their order."""

    span: Ints
    message: Ints
    begin: Ints  # bytes, counted over all messages
    end: Ints


class _Struck(NamedTuple):
    """Chats less their spans."""

    contents: pa.Array
    removed: Bools  # messages that go
    stays: Bools  # of each chat
    pairs: dict[int, list[int]]  # chat → the numbers of the pairs that go


def cut_out(table: pa.Table, cuts: Cuts) -> pa.Table:
    """Carry out the cuts in a batch of the working table."""
    table = table.combine_chunks()
    row = table["row"].to_numpy()
    places = np.flatnonzero(among(row, cuts.row))
    if not len(places):
        return table.set_column(WORKING.get_field_index("lines"), WORKING.field("lines"), no_lines(len(row)))
    whole, kept = Chats.of(messages_array(table)), table["kept"].to_numpy(zero_copy_only=False).copy()
    chats = whole.only(places)
    marks = marks_of(chats.contents, cuts.tokenizer)
    which = np.searchsorted(cuts.row, row[places])
    counts = cuts.bounds[which + 1] - cuts.bounds[which]
    mine = spread(cuts.bounds[which], counts)
    before = np.repeat(marks.bounds[chats.starts[:-1]], counts)
    pieces = _pieces(marks, before + cuts.begin[mine], before + cuts.end[mine])
    details = _details(chats, marks, pieces)
    stays = np.zeros(len(places), np.bool_)
    if not cuts.drop:
        struck = _struck(chats, marks, pieces)
        whole, stays = _changed(whole, places, struck), struck.stays
        for chat, pairs in struck.pairs.items():
            details[chat] = f"{details[chat]}; {numbered(pairs)}"
    kept[places] = stays
    original = cuts.original[which]
    columns = {
        "step": pa.repeat(cuts.step, len(places)),
        "dropped": pa.array(~stays),
        "rule": pa.repeat(_CHAT if cuts.drop else _SPAN, len(places)),
        "score": pa.array(cuts.share[which]),
        "detail": pa.array(details),
        "original": pa.array(original, mask=original < 0),
    }
    arrays = [columns[each.name].cast(each.type) for each in LINES.value_type]
    lines = pa.StructArray.from_arrays(arrays, fields=list(LINES.value_type))
    return carried(table, kept, whole, with_lines(no_lines(len(row)), places, lines), None)


def _pieces(marks: Marks, begin: Ints, end: Ints) -> _Pieces:
    """Cut spans, which begin and end at tokens counted over all messages, where messages end."""
    first = np.searchsorted(marks.bounds, begin, side="right") - 1
    crossed = np.searchsorted(marks.bounds, end) - first
    message, span = spread(first, crossed), np.repeat(np.arange(len(begin)), crossed)
    low, high = marks.bounds[message], marks.bounds[message + 1]
    start, stop = np.maximum(begin[span], low), np.minimum(end[span], high)
    some = start < stop
    message, span, low, high, start, stop = (
        values[some] for values in (message, span, low, high, start, stop)
    )
    # a token of a tokenizer may share a character with its neighbour
    front, back = (marks.places[at, side].astype(np.int64) for at, side in ((start, 0), (stop - 1, 1)))
    front = np.where(start > low, np.maximum(front, marks.places[start - 1, 1]), front)
    following = marks.places[np.minimum(stop, len(marks.places) - 1), 0]
    back = np.where(stop < high, np.minimum(back, following), back)
    some = front < back
    return _Pieces(*(values[some] for values in (span, message, front, back)))


def _details(chats: Chats, marks: Marks, pieces: _Pieces) -> list[str]:
    """Say of each chat where its spans stand, in characters."""
    edges = np.empty((2, len(pieces.span)), np.int64)
    _count_characters(marks.data, marks.offsets, pieces.message, pieces.begin, pieces.end, edges)
    chat = chats.chat[pieces.message]
    turn = pieces.message - chats.starts[chat]
    opens = np.diff(pieces.span, prepend=-1) != 0
    closes = np.append(opens[1:], True)[: len(opens)]
    spans = (chat[opens], turn[opens], edges[0, opens], turn[closes], edges[1, closes])
    told: list[list[str]] = [[] for _ in range(len(chats))]
    for mine, first, begin, last, end in zip(*(values.tolist() for values in spans), strict=True):
        told[mine].append(
            f"turn {first} characters {begin} to {end}"
            if first == last
            else f"turn {first} character {begin} to turn {last} character {end}"
        )
    return ["; ".join(texts) for texts in told]


@compiled
def _count_characters(  # noqa: PLR0913, PLR0917 -- a kernel writes into arrays that it is given
    data: Bytes, offsets: Ints, message: Ints, begin: Ints, end: Ints, edges: Ints
) -> None:
    """Say how many characters of its message stand before each piece's begin, and before its end."""
    last, at, count = -1, 0, 0
    for piece in range(len(message)):
        if message[piece] != last:
            last = message[piece]
            at, count = offsets[last], 0
        for side, stop in enumerate((begin[piece], end[piece])):
            for byte in data[at:stop]:
                count += byte & 0xC0 != 0x80
            at = stop
            edges[side, piece] = count


def _struck(chats: Chats, marks: Marks, pieces: _Pieces) -> _Struck:
    """Cut pieces out of chats, and pairs of which a turn is left blank."""
    left = np.empty(int(marks.offsets[-1] - (pieces.end - pieces.begin).sum()), np.uint8)
    offsets = np.zeros(len(marks.offsets), np.int32)
    _leave_out(marks.data, marks.offsets, pieces.message, pieces.begin, pieces.end, left, offsets)
    blank, removed = (np.zeros(len(chats.roles), np.bool_) for _ in range(2))
    _mark_blank(left, offsets, blank)
    removed[pieces.message] = blank[pieces.message]
    asks = chats.letters == ord("U")
    asked = np.concatenate([np.zeros(1, np.int64), np.cumsum(asks)])
    pair = asked[1:] - 1  # counted over all chats; a message before the first user's turn is in none
    paired = asked[1:] > asked[chats.starts[:-1]][chats.chat]
    gone = np.zeros(asked[-1], np.bool_)
    gone[pair[removed & paired]] = True
    removed[paired] |= gone[pair[paired]]
    chat = chats.chat[asks]  # of each pair
    stay, any_left = (
        np.bincount(which, minlength=len(chats)) > 0 for which in (chat[~gone], chats.chat[~blank])
    )
    begins = asked[chats.starts]
    numbers: dict[int, list[int]] = {}
    for place in np.flatnonzero(gone).tolist():
        numbers.setdefault(int(chat[place]), []).append(place - int(begins[chat[place]]))
    return _Struck(
        contents=pa.StringArray.from_buffers(len(blank), pa.py_buffer(offsets), pa.py_buffer(left)),
        removed=removed,
        stays=np.where(begins[1:] > begins[:-1], stay, any_left),
        pairs=numbers,
    )


@compiled
def _leave_out(  # noqa: PLR0913, PLR0917 -- a kernel writes into arrays that it is given
    data: Bytes,
    offsets: Ints,
    message: Ints,
    begin: Ints,
    end: Ints,
    left: Bytes,
    left_offsets: Places,
) -> None:
    """Copy messages less their pieces."""
    made, piece = 0, 0
    for turn in range(len(offsets) - 1):
        at = offsets[turn]
        while True:
            mine = piece < len(message) and message[piece] == turn
            stop = begin[piece] if mine else offsets[turn + 1]
            for place in range(stop - at):
                left[made + place] = data[at + place]
            made += stop - at
            if not mine:
                break
            at = end[piece]
            piece += 1
        left_offsets[turn + 1] = made


@compiled
def _mark_blank(data: Bytes, offsets: Places, blank: Bools) -> None:
    """Mark the messages that are white space or nothing."""
    for message in range(len(blank)):
        place, stop = offsets[message], offsets[message + 1]
        while place < stop:
            white = white_space(data, place)
            if not white:
                break
            place += white
        blank[message] = place >= stop


def _changed(whole: Chats, places: Ints, struck: _Struck) -> Chats:
    """Return chats of which some, at these places, are struck."""
    theirs, count = whole.of_chats(places), len(whole.roles)
    content, removed = np.arange(count), np.zeros(count, np.bool_)
    content[theirs], removed[theirs] = count + np.arange(len(theirs)), struck.removed
    contents = pa.concat_arrays([whole.contents, struck.contents])
    return Chats(whole.starts, whole.roles, Texts(contents), content).less(removed)
