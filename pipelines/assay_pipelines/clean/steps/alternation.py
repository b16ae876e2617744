"""Drop chats whose turns do not alternate user, assistant, …, ending in an assistant's (F1: failures of an API).

A system message may go first, and an assistant may call tools inside its turn: assistant, tool, assistant is one turn.
"""

import re

from assay.api.clean import Alternation
from assay_pipelines.clean.table import Chats, Judgement, Line

_PAIR = rb"UA(?:T+A)*"
_WHOLE = re.compile(rb"S*(?:%b)+" % _PAIR)
_BEGIN = re.compile(rb"S*(?:%b)*" % _PAIR)


def alternation(chats: Chats, _step: Alternation) -> Judgement:
    """Judge each chat by its roles, and by whether every turn says something."""
    empty = [not text or text.isspace() for text in chats.texts]
    lines = []
    for chat in range(len(chats)):
        roles = chats.pattern(chat)
        silent = next((turn for turn in chats.turns(chat) if empty[turn]), None)
        if _WHOLE.fullmatch(roles) is None:
            lines.append(Line(chat=chat, rule=_rule(roles), detail=f"turns {roles.decode()}"))
        elif silent is not None:
            place = silent - int(chats.starts[chat])
            lines.append(Line(chat=chat, rule="emptyTurn", detail=f"turn {place}"))
    return Judgement(lines=lines)


def _rule(roles: bytes) -> str:
    turns = roles.lstrip(b"S")
    if not turns.startswith(b"U"):
        return "firstTurn"
    begin = _BEGIN.match(roles)
    left = roles[begin.end() :] if begin else roles
    return "lastTurn" if left == b"U" else "order"
