"""Drop chats whose turns are short on average (F3). System messages are no turns."""

from assay.api.clean import LowAverage
from assay_pipelines.clean.table import Chats, Judgement, Line


def low_average(chats: Chats, step: LowAverage) -> Judgement:
    """Judge each chat by the mean number of words of its turns."""
    lines = []
    for chat in range(len(chats)):
        words = [int(chats.words[turn]) for turn in chats.turns(chat) if chats.roles[turn] != ord("S")]
        mean = sum(words) / len(words) if words else 0.0
        if mean < step.min_tokens_per_message:
            lines.append(Line(chat=chat, rule="minTokensPerMessage", score=mean))
    return Judgement(lines=lines)
