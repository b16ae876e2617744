"""Remove answers that refuse: the whole chat, or each such answer with its question."""

from assay.api.clean import Refusals
from assay_pipelines.clean.steps.pairs import cut, none_removed, numbered
from assay_pipelines.clean.table import Bools, Chats, Judgement, Line
from assay_pipelines.refusals import Match, refusal


def refusals(chats: Chats, step: Refusals) -> Judgement:
    """Judge each chat by the phrases of its assistant's turns."""
    removed = none_removed(chats)
    lines = []
    for chat in range(len(chats)):
        found: dict[int, Match] = {}
        for turn in chats.turns(chat):
            if chats.roles[turn] == ord("A") and (match := refusal(chats.texts[turn], step.level)):
                found[turn] = match
                if step.scope == "chat":
                    break
        if found:
            lines.append(_line(chats, chat, found, step, removed))
    return Judgement(lines=lines, removed=removed if step.scope == "turnPair" else None)


def _line(chats: Chats, chat: int, found: dict[int, Match], step: Refusals, removed: Bools) -> Line:
    turn, match = next(iter(found.items()))
    place = turn - int(chats.starts[chat])
    detail = f"{match.phrase!r} in turn {place} at character {match.offset}"
    if step.scope == "chat":
        return Line(chat=chat, rule=match.category, detail=detail)
    gone, left = cut(chats, chat, removed, lambda pair: any(turn in found for turn in pair))
    return Line(
        chat=chat, rule=match.category, detail=f"{detail}; {numbered(gone)}", dropped=not gone or not left
    )
