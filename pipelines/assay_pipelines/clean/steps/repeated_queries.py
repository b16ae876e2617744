"""Drop chats in which one query recurs (F4: spam). Letter case and white space do not tell queries apart."""

from collections import Counter

from assay.api.clean import RepeatedQueries
from assay_pipelines.clean.table import Chats, Judgement, Line


def repeated_queries(chats: Chats, step: RepeatedQueries) -> Judgement:
    """Judge each chat by how often, and in what share of the user's turns, its commonest query occurs."""
    lines = []
    for chat in range(len(chats)):
        if chats.pattern(chat).count(b"U") < step.min_count:
            continue
        queries = Counter(
            " ".join(chats.texts[turn].casefold().split())
            for turn in chats.turns(chat)
            if chats.roles[turn] == ord("U")
        )
        count = max(queries.values())
        share = count / queries.total()
        if count >= step.min_count and share > step.min_share:
            lines.append(Line(chat=chat, rule="repeatedQuery", score=share, detail=f"{count} times"))
    return Judgement(lines=lines)
