"""Drop a user's turn with its answer when the user's text is short (F2)."""

from assay.api.clean import ShortInput
from assay_pipelines.clean.steps.pairs import cut, none_removed, numbered
from assay_pipelines.clean.table import Chats, Judgement, Line


def short_input(chats: Chats, step: ShortInput) -> Judgement:
    """Take short pairs out; a chat that has none left is dropped."""
    words, least = chats.words, step.min_words
    removed = none_removed(chats)
    lines = []
    for chat in range(len(chats)):
        gone, left = cut(chats, chat, removed, lambda pair: bool(words[pair.start] < least))
        if gone:
            users = [turn for turn in chats.turns(chat) if chats.roles[turn] == ord("U")]
            score = min(int(words[users[number]]) for number in gone)
            lines.append(
                Line(chat=chat, rule="minWords", score=score, detail=numbered(gone), dropped=not left)
            )
    return Judgement(lines=lines, removed=removed)
