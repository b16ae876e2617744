"""Drop chats whose turns are short on average (F3). System messages are no turns."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from assay.api.clean import LowAverage
from assay_pipelines.clean.table import Chats, Ints, Judgement, Line
from assay_pipelines.clean.tokenizer import encoded, tokenizer_of


def tokenizer_for(step: LowAverage, outside: Callable[[str], list[Path]]) -> str | None:
    """Read the tokenizer, if the step names one."""
    return None if step.tokenizer is None else tokenizer_of(step.tokenizer, outside)


def low_average(chats: Chats, step: LowAverage, tokenizer: str | None) -> Judgement:
    """Judge each chat by the mean number of tokens of its turns; without a tokenizer, words are tokens."""
    sizes = chats.words if tokenizer is None else _tokens(chats, tokenizer)
    lines = []
    for chat in range(len(chats)):
        tokens = [int(sizes[turn]) for turn in chats.turns(chat) if chats.roles[turn] != ord("S")]
        mean = sum(tokens) / len(tokens) if tokens else 0.0
        if mean < step.min_tokens_per_message:
            lines.append(Line(chat=chat, rule="minTokensPerMessage", score=mean))
    return Judgement(lines=lines)


def _tokens(chats: Chats, tokenizer: str) -> Ints:
    return np.fromiter(map(len, encoded(chats.texts, tokenizer)), np.int64, len(chats.texts))
