"""Pairs of answers of which one is preferred, and how the starting model rates them (Rafailov et al. 2023, arXiv 2305.18290).

A chat is the preferred one; `rejected` in its meta is the other: a whole chat as messages, or a text that answers in place of its
last turn. What both begin with is the question; learned are the assistant's turns after it. A pair is two documents of one row,
neither longer than `sequenceLength`. Pairs are skipped, and counted, if they have no other answer to the same question, or are too long.
"""

from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import distributed

from assay_pipelines.chats import Message
from assay_pipelines.train.dataset import Chats
from assay_pipelines.train.engine import Place
from assay_pipelines.train.examples import Document, Examples, Gathered, as_document
from assay_pipelines.train.layout import lay_out
from assay_pipelines.train.network import Network
from assay_pipelines.train.passes import Rows
from assay_pipelines.train.template import Writer
from assay_pipelines.train.vocabulary import Tokenizer

Turns = Sequence[Message]


def preference_examples(
    chats: Chats, rejected: Iterable[Any], tokenizer: Tokenizer, writer: Writer, length: int
) -> Examples:
    """Turn each chat and what is rejected beside it into one example of two documents, the preferred one first.

    Raises:
        StageError: `EmptyDataset`: nothing remains; or what the writer raises.

    """
    found = Gathered({"skippedTooLong": 0, "skippedWithoutPair": 0}, per_row=2)
    for (name, chosen), other in zip(chats, rejected, strict=True):
        answers = (chosen, _turns(chosen, other))
        shared = sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(*answers, strict=False)))
        if not shared or not all(_answers(turns[shared:]) for turns in answers):
            found.notes["skippedWithoutPair"] += 1
            continue
        pair = [_document(turns, shared, tokenizer, writer) for turns in answers]
        if max(len(tokens) for tokens, _ in pair) > length:
            found.notes["skippedTooLong"] += 1
            continue
        found.add(name, *pair)
    return found.finish()


@torch.no_grad()
def reference_of(
    network: Network, examples: Examples, rows: Rows, *, place: Place, micro_batch: int
) -> NDArray[np.float32]:
    """Return the log-probability that a network gives to each document of some rows (0 for others), the same on every process."""
    found = np.zeros(len(examples.offsets) - 1, dtype=np.float32)
    mine = rows[np.argsort(-examples.lengths[rows], kind="stable")][place.rank :: place.world]
    network.eval()
    for begin in range(0, len(mine), micro_batch):
        part = mine[begin : begin + micro_batch]
        tokens, learned, *_ = lay_out(examples, [part[at : at + 1] for at in range(len(part))], place.device)
        found[examples.documents_of(part)] = network.line_scores(tokens, learned).cpu().numpy()
    network.train()
    if place.world > 1:
        shared = torch.from_numpy(found).to(place.device)
        distributed.all_reduce(shared)  # each document is one process's; the others have 0
        found = shared.cpu().numpy()
    return found


def _turns(chosen: Turns, rejected: Any) -> list[Message]:
    """Return the other chat; without any, an empty one."""
    if isinstance(rejected, str):
        return [*chosen[:-1], Message("assistant", rejected)]
    try:
        return [Message(str(turn["role"]), str(turn["content"])) for turn in rejected or ()]
    except (TypeError, KeyError):
        return []


def _answers(turns: Turns) -> int:
    return sum(turn.role == "assistant" for turn in turns)


def _document(turns: Turns, shared: int, tokenizer: Tokenizer, writer: Writer) -> Document:
    written = writer(turns)
    (tokens, starts), *_ = tokenizer.encode([written.text])
    return as_document(tokens, starts, written.learned[_answers(turns[:shared]) :])
