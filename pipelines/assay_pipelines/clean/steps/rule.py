"""A user's own rule: regular expressions, and what goes where one of them is found, or where none is; or a file.

A find is told by the pattern's number and its place, never by its text. With `turnPair`, a chat in which no user speaks, as
a document, is one pair; other turns before the user's first are in none.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from assay.api.clean import OwnRule
from assay_pipelines.clean.steps.pairs import none_removed, numbered, pairs_of
from assay_pipelines.clean.steps.rule_file import RuleFile, by_file
from assay_pipelines.clean.table import CODES, Bools, Chats, Judgement, Line

LONGEST = (
    50_000  # characters of a turn that are searched: some patterns take time as the square of a text's length
)

_NONE = "noPattern"


class Find(NamedTuple):
    """Where a pattern is found first in a turn."""

    turn: int
    pattern: int
    character: int


def rule(chats: Chats, step: OwnRule, file: RuleFile | None) -> Judgement:
    """Judge each chat by the finds in its turns, or by a file."""
    if file is not None:
        return by_file(chats, file)
    patterns = [re.compile(pattern) for pattern in step.patterns or ()]
    roles = bytes(CODES.values()) if step.role == "any" else bytes([CODES[step.role]])
    removed = none_removed(chats)
    lines = []
    for chat in range(len(chats)):
        found = _finds(chats, chat, patterns, roles)
        if step.scope == "turnPair":
            line = _of_pairs(chats, chat, step, {find.turn: find for find in found}, removed)
            lines += [] if line is None else [line]
        else:
            finds = {find.turn: find for find in islice(found, 1)}
            if bool(finds) == (step.action == "drop"):
                lines.append(_line(chats, chat, finds, ""))
    return Judgement(lines=lines, removed=removed)


def _finds(chats: Chats, chat: int, patterns: list[re.Pattern[str]], roles: bytes) -> Iterator[Find]:
    """Go through the turns in which a pattern is found, each with the first of the patterns that is."""
    for turn in chats.turns(chat):
        if chats.roles[turn] in roles:
            for number, pattern in enumerate(patterns):
                if match := pattern.search(chats.texts[turn], 0, LONGEST):
                    yield Find(turn, number, match.start())
                    break


def _of_pairs(chats: Chats, chat: int, step: OwnRule, finds: dict[int, Find], removed: Bools) -> Line | None:
    """Mark the turns that go; a chat that has no pair left is dropped."""
    turns = chats.turns(chat)
    pairs = pairs_of(chats, chat) or [turns]
    drop = step.action == "drop"
    gone = [number for number, pair in enumerate(pairs) if any(turn in finds for turn in pair) == drop]
    alone = [turn for turn in range(turns.start, pairs[0].start) if drop and turn in finds]
    if not gone and not alone:
        return None
    for number in gone:
        removed[pairs[number].start : pairs[number].stop] = True
    removed[alone] = True
    told = [f"turns {', '.join(str(turn - turns.start) for turn in alone)}"] if alone else []
    told += [numbered(gone)] if gone else []
    line = _line(chats, chat, finds if drop else {}, "; ".join(told))
    return replace(line, dropped=len(gone) == len(pairs))


def _line(chats: Chats, chat: int, finds: dict[int, Find], gone: str) -> Line:
    first = next(iter(finds.values()), None)
    if first is None:
        return Line(chat=chat, rule=_NONE, detail=gone or None)
    place = f"turn {first.turn - int(chats.starts[chat])} at character {first.character}"
    return Line(chat=chat, rule=f"pattern {first.pattern}", detail=f"{place}; {gone}" if gone else place)
