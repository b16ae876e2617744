"""Drop chats whose turns are short on average (F3). System messages are no turns."""

import numpy as np

from assay.api.clean import LowAverage
from assay_pipelines.clean.table import CODES, Chats, Ints, Judgement, Line
from assay_pipelines.clean.tokenizer import encoded


def low_average(chats: Chats, step: LowAverage, tokenizer: str | None) -> Judgement:
    """Judge each chat by the mean number of tokens of its turns; without a tokenizer, words are tokens."""
    sizes = chats.words if tokenizer is None else _tokens(chats, tokenizer)
    turns = chats.letters != CODES["system"]
    tokens = np.bincount(chats.chat[turns], sizes[turns], len(chats))  # doubles, exact below 2^53
    number = np.bincount(chats.chat[turns], minlength=len(chats))
    means = tokens / np.maximum(number, 1)
    low = np.flatnonzero(means < step.min_tokens_per_message)
    return Judgement(
        lines=[
            Line(chat=chat, rule="minTokensPerMessage", score=mean)
            for chat, mean in zip(low.tolist(), means[low].tolist(), strict=True)
        ]
    )


def _tokens(chats: Chats, tokenizer: str) -> Ints:
    return np.fromiter(map(len, encoded(chats.texts, tokenizer)), np.int64, len(chats.texts))
