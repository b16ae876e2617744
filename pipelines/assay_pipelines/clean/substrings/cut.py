"""Taking spans of tokens out of chats, or dropping the chats, with a ledger line for each.

Characters go from the first token of a span to the last, in each turn that it crosses; a character that a token outside of the
span shares stays. All else stays as it is, white space beside a span too. A turn that is left blank goes, and with it the user's
turn that it answers, or what answers it; a chat of which no such pair is left is dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from assay_pipelines.clean.judge import carried, messages_array
from assay_pipelines.clean.steps.duplicate_substrings import Shares
from assay_pipelines.clean.steps.pairs import cut, none_removed, numbered, pairs_of
from assay_pipelines.clean.substrings.field import Points
from assay_pipelines.clean.substrings.tokens import Tokens, tokens_of
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


@dataclass(frozen=True)
class _Piece:
    """The part of a span that lies in one message."""

    message: int
    begin: int
    end: int


def cut_out(table: pa.Table, cuts: Cuts, points: Points) -> pa.Table:
    """Carry out the cuts in a batch of the working table."""
    table = table.combine_chunks()
    row = table["row"].to_numpy()
    places = np.flatnonzero(np.isin(row, cuts.row))
    if not len(places):
        return table.set_column(WORKING.get_field_index("lines"), WORKING.field("lines"), no_lines(len(row)))
    whole = Chats.of(messages_array(table))
    chats = whole.only(places)
    tokens = tokens_of(chats.contents, points, cuts.tokenizer)
    texts, removed = list(chats.texts), none_removed(chats)
    kept = table["kept"].to_numpy(zero_copy_only=False).copy()
    lines: list[list[dict[str, Any]]] = [[] for _ in row]
    for chat, place in enumerate(places.tolist()):
        which = int(np.searchsorted(cuts.row, row[place]))
        spans = [list(_pieces(tokens, chats, chat, span)) for span in _spans(cuts, which)]
        detail = "; ".join(_told(chats, chat, pieces) for pieces in spans if pieces)
        if cuts.drop:
            stays = False
        else:
            stays, pairs = _struck(
                chats, chat, [piece for pieces in spans for piece in pieces], texts, removed
            )
            detail = "; ".join([detail, *([numbered(pairs)] if pairs else [])])
        kept[place] = stays
        original = int(cuts.original[which])
        lines[place].append(
            {
                "step": cuts.step,
                "dropped": not stays,
                "rule": _CHAT if cuts.drop else _SPAN,
                "score": float(cuts.share[which]),
                "detail": detail,
                "original": None if original < 0 else original,
            }
        )
    if not cuts.drop:
        replaced = {turn: text for turn, text in enumerate(texts) if text != chats.texts[turn]}
        judgement = Judgement(lines=[], removed=removed, replaced=replaced)
        whole = whole.changed(judgement.within(whole, places))
    return carried(table, kept, whole, lines_array(lines), None)


def _spans(cuts: Cuts, which: int) -> Iterator[tuple[int, int]]:
    mine = slice(cuts.bounds[which], cuts.bounds[which + 1])
    return zip(cuts.begin[mine].tolist(), cuts.end[mine].tolist(), strict=True)


def _pieces(tokens: Tokens, chats: Chats, chat: int, span: tuple[int, int]) -> Iterator[_Piece]:
    """Give the characters of a span, message by message."""
    before = int(tokens.bounds[chats.starts[chat]])
    begin, end = before + span[0], before + span[1]
    message = int(np.searchsorted(tokens.bounds, begin, side="right")) - 1
    while begin < end:
        low, high = int(tokens.bounds[message]), int(tokens.bounds[message + 1])
        stop = min(end, high)
        if begin < stop:
            first, last = int(tokens.begin[begin]), int(tokens.end[stop - 1])
            if begin > low:
                first = max(first, int(tokens.end[begin - 1]))
            if stop < high:
                last = min(last, int(tokens.begin[stop]))
            if first < last:
                yield _Piece(message, first, last)
            begin = stop
        message += 1


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
    if pairs_of(chats, chat):
        return stay > 0, gone
    return any(texts[turn].strip() for turn in chats.turns(chat)), gone
