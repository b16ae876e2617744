"""Chats as tokens, and which of them are learned.

An example is a run of tokens and, for each, whether it is to be predicted from those before it. `sft`: one chat, of which the
assistant's turns are learned; too long a chat is cut at the end of an assistant's turn, never inside one, and one that has no
whole assistant turn within `sequenceLength` is skipped and counted. `pretrain`: all chats as one text, cut into pieces of
`sequenceLength` tokens, each token learned once.

Tokens lie in files without names, which processes forked from this one share (under torchrun and Ray each writes
its own) and which memory is not filled with.
"""

import tempfile
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from assay.errors import StageError
from assay_pipelines.chats import Message, text_of
from assay_pipelines.train.dataset import Chats
from assay_pipelines.train.template import Writer
from assay_pipelines.train.vocabulary import Tokenizer

_TOGETHER = 1000  # chats per call of the tokenizer


@dataclass(frozen=True)
class Examples:
    """All examples, end to end: a few large arrays.

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
        self._ends, self._targets = array("q", [0]), array("q")
        self._tokens, self._learned = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 -- closed at the end

    def add(self, name: str, *documents: Document) -> None:
        """Add a row's documents."""
        self._ids.append(name)
        targets = 0
        for tokens, learned in documents:
            learned[0] = False  # nothing stands before the first token
            self._ends.append(self._ends[-1] + len(tokens))
            targets += int(learned.sum())
            self._tokens.write(tokens.astype(np.int32, copy=False).tobytes())
            self._learned.write(learned.tobytes())
        self._targets.append(targets)

    def finish(self) -> Examples:
        """Lay all rows end to end.

        Raises:
            StageError: `EmptyDataset`.

        """
        if not self._ids:
            raise StageError(
                "EmptyDataset",
                "the training data",
                f"found nothing to learn ({', '.join(f'{name} {count}' for name, count in self.notes.items())}), expected at least one example",
                "Look at what was skipped most: raise sequenceLength for what is too long, or give the data what it lacks.",
            )
        return Examples(
            ids=tuple(self._ids),
            tokens=_mapped(self._tokens, np.int32),
            learned=_mapped(self._learned, np.bool_),
            offsets=np.array(self._ends, dtype=np.int64),
            targets=np.array(self._targets, dtype=np.int64),
            notes=self.notes,
            per_row=self._per_row,
        )


def _mapped(file: IO[bytes], kind: Any) -> NDArray[Any]:
    """Return what was written to a file, which is there as long as the array is."""
    with file:
        file.flush()
        return np.memmap(file, dtype=kind, mode="r")


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
    for some in _some_at_a_time(chats):
        answered = [(name, writer(messages)) for name, messages in some if _has_answer(messages)]
        found.notes["skippedWithoutAnswer"] += len(some) - len(answered)
        encodings = tokenizer.encode([written.text for _, written in answered])
        for (name, written), (tokens, starts) in zip(answered, encodings, strict=True):
            _add_chat(found, name, tokens, _in_tokens(starts, written.learned), length)
    return found.finish()


def pretrain_examples(chats: Chats, tokenizer: Tokenizer, length: int) -> Examples:
    """Cut the text of all chats, each after a separator, into pieces. A piece begins with the last token of the one before.

    Raises:
        StageError: `EmptyDataset`, `TokenizerUnfit`.

    """
    separator = np.array([tokenizer.separator], dtype=np.int32)
    found = Gathered({})
    rest, pieces = separator, 0

    def cut(most: int) -> None:
        nonlocal rest, pieces
        while len(rest) > most:
            piece = rest[:length]
            found.add(f"{pieces:012d}", (piece, np.ones(len(piece), dtype=np.bool_)))
            rest, pieces = rest[length - 1 :], pieces + 1

    for some in _some_at_a_time(chats):
        encodings = tokenizer.encode([text_of(messages) for _, messages in some])
        rest = np.concatenate([rest, *(part for tokens, _ in encodings for part in (tokens, separator))])
        cut(length)
    cut(1)
    return found.finish()


def _some_at_a_time(chats: Chats) -> Iterator[list[tuple[str, list[Message]]]]:
    waiting = []
    for chat in chats:
        waiting.append(chat)
        if len(waiting) == _TOGETHER:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


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
