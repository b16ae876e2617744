"""Drop chats whose turns do not alternate user, assistant, …, ending in an assistant's (F1: failures of an API).

A system message may go first, and an assistant may call tools inside its turn: assistant, tool, assistant is one turn.
"""

import re

import numpy as np
import pyarrow.compute as pc

from assay.api.clean import Alternation
from assay_pipelines.clean.table import Chats, Judgement, Line

_PAIR = "UA(?:T+A)*"
_WHOLE = f"^S*(?:{_PAIR})+$"
_BEGIN = re.compile(f"S*(?:{_PAIR})*".encode())


def alternation(chats: Chats, _step: Alternation) -> Judgement:
    """Judge each chat by its roles, and by whether every turn says something."""
    sound = pc.match_substring_regex(chats.patterns, _WHOLE).to_numpy(zero_copy_only=False)
    empty = pc.or_(pc.equal(chats.contents, ""), pc.utf8_is_space(chats.contents))
    silent = np.flatnonzero(empty.to_numpy(zero_copy_only=False))
    with_silent, first = np.unique(chats.chat[silent], return_index=True)
    lines = []
    for chat in np.flatnonzero(~sound).tolist():
        roles = chats.pattern(chat)
        lines.append(Line(chat=chat, rule=_rule(roles), detail=f"turns {roles.decode()}"))
    for chat, turn in zip(with_silent.tolist(), silent[first].tolist(), strict=True):
        if sound[chat]:
            place = turn - int(chats.starts[chat])
            lines.append(Line(chat=chat, rule="emptyTurn", detail=f"turn {place}"))
    return Judgement(lines=lines)


def _rule(roles: bytes) -> str:
    turns = roles.lstrip(b"S")
    if not turns.startswith(b"U"):
        return "firstTurn"
    begin = _BEGIN.match(roles)
    left = roles[begin.end() :] if begin else roles
    return "lastTurn" if left == b"U" else "order"
