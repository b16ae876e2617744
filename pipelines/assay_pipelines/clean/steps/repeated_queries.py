"""Drop chats in which one query recurs (F4: spam). Letter case and white space do not tell queries apart."""

from collections import Counter

import numpy as np

from assay.api.clean import RepeatedQueries
from assay_pipelines.clean.table import CODES, Chats, Ints, Judgement, Line


def repeated_queries(chats: Chats, step: RepeatedQueries) -> Judgement:
    """Judge each chat by how often, and in what share of the user's turns, its commonest query occurs."""
    lines = []
    for chat in _perhaps(chats, step).tolist():
        queries = Counter(
            " ".join(chats.contents[turn].as_py().casefold().split())
            for turn in chats.turns(chat)
            if chats.roles[turn] == CODES["user"]
        )
        count = max(queries.values())
        share = count / queries.total()
        if count >= step.min_count and share > step.min_share:
            lines.append(Line(chat=chat, rule="repeatedQuery", score=share, detail=f"{count} times"))
    return Judgement(lines=lines)


def _perhaps(chats: Chats, step: RepeatedQueries) -> Ints:
    """Return the chats with enough queries of one number of words, for equal queries have as many."""
    asked = chats.letters == CODES["user"]
    chat, words = chats.chat[asked], chats.words[asked]
    order = np.lexsort((words, chat))
    chat, words = chat[order], words[order]
    apart = step.min_count - 1
    alike = (chat[apart:] == chat[: len(chat) - apart]) & (words[apart:] == words[: len(words) - apart])
    return np.unique(chat[apart:][alike])
