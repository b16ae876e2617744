"""Chats as tokens, and which of them are learned.

An example is a run of tokens and, for each, whether it is to be predicted from those before it. `sft`: one chat, of which the
assistant's turns are learned; too long a chat is cut at the end of an assistant's turn, never inside one, and one that has no
whole assistant turn within `sequenceLength` is skipped and counted. `pretrain`: all chats as one text, cut into pieces of
`sequenceLength` tokens, each token learned once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from assay.errors import StageError
from assay_pipelines.chats import Message, text_of
from assay_pipelines.train.dataset import Chats
from assay_pipelines.train.template import Writer, Written
from assay_pipelines.train.vocabulary import Tokenizer

_TOGETHER = 1000  # chats per call of the tokenizer


@dataclass(frozen=True)
class Examples:
    """All examples, end to end: a few large arrays, which processes forked afterwards share.

    A row is one document, or `per_row` of them where answers are compared.
    """

    ids: tuple[str, ...]
    tokens: NDArray[np.int32]
    learned: NDArray[np.bool_]
    offsets: NDArray[np.int64]  # document i has tokens offsets[i] to offsets[i + 1]
    targets: NDArray[np.int64]  # learned tokens of each row
    notes: dict[str, int]  # what was cut or skipped
    per_row: int = 1

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row."""
        lengths: NDArray[np.int64] = np.diff(self.offsets).reshape(-1, self.per_row).sum(axis=1)
        return lengths

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        """What each row counts for in a batch's mean: its learned tokens, or a comparison as one."""
        return self.targets if self.per_row == 1 else np.ones_like(self.targets)

    def documents_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices of the rows' documents, in order."""
        return (rows[:, None] * self.per_row + np.arange(self.per_row)).ravel()


Document = tuple[NDArray[np.int32], NDArray[np.bool_]]  # tokens, and which of them are learned


class Gathered:
    """Examples as they are found."""

    def __init__(self, notes: dict[str, int], per_row: int = 1) -> None:
        self.notes = notes
        self._per_row = per_row
        self._ids: list[str] = []
        self._documents: list[Document] = []

    def add(self, name: str, *documents: Document) -> None:
        """Add a row's documents."""
        self._ids.append(name)
        for tokens, learned in documents:
            learned[0] = False  # nothing stands before the first token
            self._documents.append((tokens, learned))

    def finish(self) -> Examples:
        """Lay all rows end to end.

        Raises:
            StageError: `EmptyDataset`.

        """
        if not self._ids:
            raise StageError(
                "EmptyDataset",
                "the training data",
                f"found nothing to learn ({self.notes}), expected at least one example",
                "Raise sequenceLength, or look at the data.",
            )
        offsets = np.cumsum([0, *(len(tokens) for tokens, _ in self._documents)]).astype(np.int64)
        learned = np.concatenate([learned for _, learned in self._documents])
        targets = np.add.reduceat(learned.astype(np.int64), offsets[:-1])
        return Examples(
            ids=tuple(self._ids),
            tokens=np.concatenate([tokens for tokens, _ in self._documents]),
            learned=learned,
            offsets=offsets,
            targets=targets.reshape(-1, self._per_row).sum(axis=1),
            notes=self.notes,
            per_row=self._per_row,
        )


def as_document(
    tokens: NDArray[np.int32], starts: NDArray[np.int64], spans: Sequence[tuple[int, int]]
) -> Document:
    """Mark the tokens that begin within spans of characters as learned."""
    return _marked(tokens, _in_tokens(starts, spans))


def sft_examples(chats: Chats, tokenizer: Tokenizer, writer: Writer, length: int) -> Examples:
    """Turn each chat into one example.

    Raises:
        StageError: `EmptyDataset`: nothing remains; or what the writer raises.

    """
    found = Gathered({"cut": 0, "skippedTooLong": 0, "skippedWithoutAnswer": 0})
    waiting: list[tuple[str, Written]] = []

    def flush() -> None:
        encodings = tokenizer.encode([written.text for _, written in waiting])
        for (name, written), (tokens, starts) in zip(waiting, encodings, strict=True):
            _add_chat(found, name, tokens, _in_tokens(starts, written.learned), length)
        waiting.clear()

    for name, messages in chats:
        written = writer(messages) if _has_answer(messages) else None
        if written is None:
            found.notes["skippedWithoutAnswer"] += 1
            continue
        waiting.append((name, written))
        if len(waiting) == _TOGETHER:
            flush()
    flush()
    return found.finish()


def pretrain_examples(chats: Chats, tokenizer: Tokenizer, length: int) -> Examples:
    """Cut the text of all chats, each after a separator, into pieces. A piece begins with the last token of the one before.

    Raises:
        StageError: `EmptyDataset`, `TokenizerUnfit`.

    """
    separator = np.array([tokenizer.separator], dtype=np.int32)
    stream: list[NDArray[np.int32]] = []
    texts = [text_of(messages) for _, messages in chats]
    for begin in range(0, len(texts), _TOGETHER):
        for tokens, _ in tokenizer.encode(texts[begin : begin + _TOGETHER]):
            stream += (separator, tokens)
    whole = np.concatenate([*stream, separator])
    found = Gathered({})
    for number, begin in enumerate(range(0, len(whole) - 1, length - 1)):
        piece = whole[begin : begin + length]
        found.add(f"{number:012d}", (piece, np.ones(len(piece), dtype=np.bool_)))
    return found.finish()


def _has_answer(messages: Sequence[Message]) -> bool:
    return any(message.role == "assistant" for message in messages)


def _in_tokens(starts: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Turn spans of characters into spans of tokens: those that begin within."""
    bounds = np.searchsorted(starts, np.array(spans, dtype=np.int64).ravel(), side="left")
    return [(int(begin), int(end)) for begin, end in bounds.reshape(-1, 2)]


def _add_chat(
    found: Gathered, name: str, tokens: NDArray[np.int32], turns: list[tuple[int, int]], length: int
) -> None:
    if len(tokens) > length:
        turns = [(begin, end) for begin, end in turns if end <= length]
        if not turns:
            found.notes["skippedTooLong"] += 1
            return
        found.notes["cut"] += 1
        tokens = tokens[: turns[-1][1]]
    document = _marked(tokens, turns)
    if not document[1][1:].any():
        found.notes["skippedWithoutAnswer"] += 1
        return
    found.add(name, document)


def _marked(tokens: NDArray[np.int32], turns: Sequence[tuple[int, int]]) -> Document:
    learned = np.zeros(len(tokens), dtype=np.bool_)
    for begin, end in turns:
        learned[begin:end] = True
    return tokens, learned
