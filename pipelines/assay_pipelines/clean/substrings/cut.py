"""Taking spans of tokens out of chats, or dropping the chats, with a ledger line for each.

Characters go from the first token of a span to the last, in each turn that it crosses; a character that a token outside of the
span shares stays. All else stays as it is, white space beside a span too. A turn that is left blank goes, and with it the user's
turn that it answers, or what answers it; a chat of which no such pair is left is dropped.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from assay_pipelines.clean.judge import carried, messages_array
from assay_pipelines.clean.steps.duplicate_substrings import Shares
from assay_pipelines.clean.steps.pairs import cut, none_removed, numbered
from assay_pipelines.clean.substrings.equal import spread
from assay_pipelines.clean.substrings.tokens import Marks, marks_of
from assay_pipelines.clean.table import WORKING, Bools, Chats, Ints, Judgement, lines_array, no_lines

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


class _Piece(NamedTuple):
    """The part of a span that lies in one message."""

    message: int
    begin: int
    end: int


def cut_out(table: pa.Table, cuts: Cuts) -> pa.Table:
    """Carry out the cuts in a batch of the working table."""
    table = table.combine_chunks()
    row = table["row"].to_numpy()
    places = np.flatnonzero(np.isin(row, cuts.row))
    if not len(places):
        return table.set_column(WORKING.get_field_index("lines"), WORKING.field("lines"), no_lines(len(row)))
    whole = Chats.of(messages_array(table))
    chats = whole.only(places)
    tokens = marks_of(chats.contents, cuts.tokenizer)
    texts, removed = list(chats.texts), none_removed(chats)
    kept = table["kept"].to_numpy(zero_copy_only=False).copy()
    lines: list[list[dict[str, Any]]] = [[] for _ in row]
    which = np.searchsorted(cuts.row, row[places])
    counts = cuts.bounds[which + 1] - cuts.bounds[which]
    mine = spread(cuts.bounds[which], counts)
    before = np.repeat(tokens.bounds[chats.starts[:-1]], counts)
    found = _pieces(tokens, before + cuts.begin[mine], before + cuts.end[mine])
    ends = np.cumsum(counts)
    told = zip(
        places.tolist(),
        (ends - counts).tolist(),
        ends.tolist(),
        cuts.share[which].tolist(),
        cuts.original[which].tolist(),
        strict=True,
    )
    for chat, (place, begin, end, share, original) in enumerate(told):
        spans = found[begin:end]
        detail = "; ".join(_told(chats, chat, pieces) for pieces in spans if pieces)
        if cuts.drop:
            stays = False
        else:
            stays, pairs = _struck(
                chats, chat, [piece for pieces in spans for piece in pieces], texts, removed
            )
            detail = "; ".join([detail, *([numbered(pairs)] if pairs else [])])
        kept[place] = stays
        lines[place].append(
            {
                "step": cuts.step,
                "dropped": not stays,
                "rule": _CHAT if cuts.drop else _SPAN,
                "score": share,
                "detail": detail,
                "original": None if original < 0 else original,
            }
        )
    if not cuts.drop:
        replaced = {turn: text for turn, text in enumerate(texts) if text != chats.texts[turn]}
        judgement = Judgement(lines=[], removed=removed, replaced=replaced)
        whole = whole.changed(judgement.within(whole, places))
    return carried(table, kept, whole, lines_array(lines), None)


def _pieces(tokens: Marks, begin: Ints, end: Ints) -> list[list[_Piece]]:
    """Give the characters of spans, for each message by message. Spans begin and end at tokens, counted over all messages."""
    first = np.searchsorted(tokens.bounds, begin, side="right") - 1
    crossed = np.searchsorted(tokens.bounds, end) - first
    message, span = spread(first, crossed), np.repeat(np.arange(len(begin)), crossed)
    low, high = tokens.bounds[message], tokens.bounds[message + 1]
    start, stop = np.maximum(begin[span], low), np.minimum(end[span], high)
    some = start < stop
    message, span, low, high, start, stop = (
        values[some] for values in (message, span, low, high, start, stop)
    )
    # a token of a tokenizer may share a character with its neighbour
    front, back = tokens.begin[start], tokens.end[stop - 1]
    front = np.where(start > low, np.maximum(front, tokens.end[start - 1]), front)
    following = tokens.begin[np.minimum(stop, len(tokens.begin) - 1)]
    back = np.where(stop < high, np.minimum(back, following), back)
    pieces: list[list[_Piece]] = [[] for _ in begin]
    for which, *piece in zip(*(values.tolist() for values in (span, message, front, back)), strict=True):
        if piece[1] < piece[2]:
            pieces[which].append(_Piece(*piece))
    return pieces


def _told(chats: Chats, chat: int, pieces: list[_Piece]) -> str:
    first, last = pieces[0], pieces[-1]
    turns = [piece.message - int(chats.starts[chat]) for piece in (first, last)]
    if turns[0] == turns[1]:
        return f"turn {turns[0]} characters {first.begin} to {last.end}"
    return f"turn {turns[0]} character {first.begin} to turn {turns[1]} character {last.end}"


def _struck(
    chats: Chats, chat: int, pieces: list[_Piece], texts: list[str], removed: Bools
) -> tuple[bool, list[int]]:
    """Cut pieces out of a chat's texts. Returns whether the chat stays, and the numbers of the pairs that go."""
    left: dict[int, list[str]] = {}
    behind: dict[int, int] = {}
    for piece in pieces:
        parts = left.setdefault(piece.message, [])
        parts.append(texts[piece.message][behind.get(piece.message, 0) : piece.begin])
        behind[piece.message] = piece.end
    for message, parts in left.items():
        texts[message] = "".join([*parts, texts[message][behind[message] :]])
    blank = {message for message in left if not texts[message].strip()}
    for message in blank:
        removed[message] = True
    gone, stay = cut(chats, chat, removed, lambda pair: not blank.isdisjoint(pair))
    if gone or stay:
        return stay > 0, gone
    return any(texts[turn].strip() for turn in chats.turns(chat)), gone
