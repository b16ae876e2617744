"""The working table that goes through the steps, and a view of its chats that steps judge.

One row per record that came in, from the first to the last pass: a row that falls loses its messages and stays, with
`kept` false. `row` numbers records in the order of sources, files and lines, and is the only name that passes use; ids
are made by the driver, from `hash`, once it knows which rows are equal.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assay_pipelines.chats import HASH_BYTES, MESSAGE, MESSAGES, ROLES, Message
from assay_pipelines.clean.language import Guess, guess_of
from assay_pipelines.clean.words import word_counts

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

INTAKE = -1  # the step number of lines about records that are no chats
BROKEN_FILE = "brokenFile"  # the rule of lines about the rest of a file, which cannot be read

LINES = pa.list_(
    pa.struct(
        [
            pa.field("step", pa.int16()),
            pa.field("dropped", pa.bool_()),
            pa.field("rule", pa.string()),
            pa.field("score", pa.float64()),
            pa.field("detail", pa.string()),
            pa.field("original", pa.int64()),  # the row that it repeats
        ]
    )
)
WORKING = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("source", pa.int16()),
        pa.field("hash", pa.binary(HASH_BYTES)),
        pa.field("tie", pa.int64()),  # orders rows of one hash and source
        pa.field("kept", pa.bool_()),
        pa.field("messages", MESSAGES),
        pa.field("meta", pa.string()),
        pa.field("lines", LINES),  # of this pass only
        pa.field("key", pa.binary(HASH_BYTES)),  # what the next step compares rows by
    ]
)

CODES = dict(zip(ROLES, b"SUATX", strict=True))
_CODE_TABLE = np.frombuffer(bytes(CODES.values()), np.uint8)


@dataclass(frozen=True)
class Texts:
    """What the messages of a batch say, of which chats may have a part."""

    contents: pa.Array
    guesses: dict[str, Guess | None] = field(
        default_factory=dict
    )  # of their languages, as far as steps asked

    @cached_property
    def words(self) -> Ints:
        """Their numbers of words."""
        return word_counts(self.contents)


@dataclass(frozen=True)
class Chats:
    """Some chats: message by message, with `starts` telling where each begins."""

    starts: Ints  # one more than there are chats
    roles: bytes  # one letter per message: S, U, A, T or X
    batch: Texts
    places: Ints | None = None  # where the messages stand in the batch; None if they are all of it

    @classmethod
    def of(cls, messages: pa.Array) -> "Chats":
        """View an array of lists of messages."""
        flat = messages.flatten()
        codes = pc.index_in(flat.field("role"), value_set=pa.array(ROLES))
        letters = _CODE_TABLE[codes.to_numpy(zero_copy_only=False)] if len(codes) else np.empty(0, np.uint8)
        return cls(
            starts=_starts(_lengths(messages)),
            roles=letters.tobytes(),
            batch=Texts(flat.field("content")),
        )

    @classmethod
    def from_messages(cls, chats: Iterable[Sequence[tuple[str, str]]]) -> "Chats":
        """View Python messages."""
        rows = [[Message(*item)._asdict() for item in chat] for chat in chats]
        return cls.of(pa.array(rows, MESSAGES))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def contents(self) -> pa.Array:
        """The messages' contents, which are copied only if they are asked for."""
        return self.batch.contents if self.places is None else self.batch.contents.take(pa.array(self.places))

    @cached_property
    def texts(self) -> list[str]:
        """The messages' contents in Python."""
        texts: list[str] = self.contents.to_pylist()
        return texts

    @cached_property
    def words(self) -> Ints:
        """The messages' numbers of words, counted once per batch."""
        return self.batch.words if self.places is None else self.batch.words[self.places]

    def guess(self, message: int) -> Guess | None:
        """Return what language a message may be in, guessed once per text of the batch."""
        text, known = self.texts[message], self.batch.guesses
        if text not in known:
            known[text] = guess_of(text)
        return known[text]

    @cached_property
    def letters(self) -> Bytes:
        """The messages' roles."""
        return np.frombuffer(self.roles, np.uint8)

    @cached_property
    def chat(self) -> Ints:
        """In which chat each message is."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @property
    def patterns(self) -> pa.Array:
        """The roles of each chat as letters."""
        places = pa.py_buffer(self.starts.astype(np.int32))
        return pa.StringArray.from_buffers(len(self), places, pa.py_buffer(self.roles))

    def of_chats(self, chats: Ints) -> Ints:
        """Return where the messages of some chats are."""
        chosen = np.zeros(len(self), np.bool_)
        chosen[chats] = True
        return np.flatnonzero(chosen[self.chat])

    def only(self, chats: Ints) -> "Chats":
        """Return some of the chats, given by their places, rising."""
        if len(chats) == len(self):
            return self
        return self._part(_starts(np.diff(self.starts)[chats]), self.of_chats(chats))

    def less(self, removed: Bools) -> "Chats":
        """Return the chats less some of their messages."""
        kept = ~removed
        return self._part(_starts(kept)[self.starts], np.flatnonzero(kept))

    def _part(self, starts: Ints, places: Ints) -> "Chats":
        in_batch = places if self.places is None else self.places[places]
        return Chats(starts, self.letters[places].tobytes(), self.batch, in_batch)

    def turns(self, chat: int) -> range:
        """Return where the messages of one chat are."""
        return range(int(self.starts[chat]), int(self.starts[chat + 1]))

    def pattern(self, chat: int) -> bytes:
        """Return the roles of one chat as letters."""
        return self.roles[self.starts[chat] : self.starts[chat + 1]]

    def changed(self, judgement: "Judgement") -> "Chats":
        """Return the chats less the messages that a judgement removes, with the contents that it replaces."""
        chats = self
        if judgement.replaced:
            turns = sorted(judgement.replaced)
            theirs = np.zeros(len(self.roles), np.bool_)
            theirs[turns] = True
            texts = pa.array([judgement.replaced[turn] for turn in turns], pa.string())
            contents = pc.replace_with_mask(self.contents, pa.array(theirs), texts)
            chats = Chats(self.starts, self.roles, Texts(contents, self.batch.guesses))
        return chats if judgement.removed is None else chats.less(judgement.removed)

    @property
    def messages(self) -> pa.Array:
        """The chats as an array of lists of messages."""
        order = np.argsort(_CODE_TABLE)
        places = order[np.searchsorted(_CODE_TABLE[order], self.letters)]
        roles = pa.array(ROLES).take(pa.array(places))
        struct = pa.StructArray.from_arrays([roles, self.contents], fields=list(MESSAGE))
        return pa.ListArray.from_arrays(pa.array(self.starts, pa.int32()), struct, type=MESSAGES)


def _starts(lengths: Ints | Bools) -> Ints:
    """Return where parts of these lengths begin, and where the last ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a step says about one chat that it drops or changes."""

    chat: int  # its place among the chats that were judged
    rule: str
    score: float | None = None
    detail: str | None = None
    dropped: bool = True


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a step says about some chats. A chat without a line goes on as it is."""

    lines: list[Line]
    removed: Bools | None = None  # messages that the changed chats lose
    replaced: dict[int, str] = field(default_factory=dict)  # message → what it says from now on

    @property
    def changes(self) -> bool:
        """Whether any message goes or says something else."""
        return bool(self.replaced) or (self.removed is not None and bool(self.removed.any()))

    def within(self, chats: Chats, judged: Ints) -> "Judgement":
        """Return the same changes, said of all chats, of which some were judged."""
        places = chats.of_chats(judged)
        removed = None
        if self.removed is not None:
            removed = np.zeros(len(chats.roles), np.bool_)
            removed[places] = self.removed
        replaced = {int(places[turn]): text for turn, text in self.replaced.items()}
        return Judgement(lines=[], removed=removed, replaced=replaced)


def lines_array(rows: list[list[dict[str, Any]]]) -> pa.Array:
    """Encode the ledger lines of each row."""
    return pa.array(rows, LINES)


def with_lines(lines: pa.Array, places: Ints, more: pa.Array) -> pa.Array:
    """Put more ledger lines behind those of the rows at some places, in the order given."""
    row = np.concatenate([np.repeat(np.arange(len(lines)), _lengths(lines)), places])
    order = np.argsort(row, kind="stable")
    starts = pa.array(_starts(np.bincount(row, minlength=len(lines))), pa.int32())
    return pa.ListArray.from_arrays(
        starts, pa.concat_arrays([lines.flatten(), more]).take(pa.array(order)), type=LINES
    )


def _lengths(lists: pa.Array) -> Ints:
    lengths: Ints = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths


def no_lines(rows: int) -> pa.Array:
    """Return no ledger line for so many rows."""
    return pa.ListArray.from_arrays(np.zeros(rows + 1, np.int32), pa.array([], LINES.value_type))
