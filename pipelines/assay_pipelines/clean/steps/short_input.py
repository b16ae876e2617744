"""Drop a user's turn with its answer when the user's text is short (F2)."""

import numpy as np

from assay.api.clean import ShortInput
from assay_pipelines.clean.steps.pairs import cut, none_removed, numbered
from assay_pipelines.clean.table import CODES, Chats, Judgement, Line


def short_input(chats: Chats, step: ShortInput) -> Judgement:
    """Take short pairs out; a chat that has none left is dropped."""
    short = (chats.letters == CODES["user"]) & (chats.words < step.min_words)
    removed = none_removed(chats)
    lines = []
    for chat in np.unique(chats.chat[short]).tolist():
        turns = chats.turns(chat)
        score = int(chats.words[turns.start : turns.stop][short[turns.start : turns.stop]].min())
        gone, left = cut(chats, chat, removed, lambda pair: bool(short[pair.start]))
        lines.append(Line(chat=chat, rule="minWords", score=score, detail=numbered(gone), dropped=not left))
    return Judgement(lines=lines, removed=removed)
