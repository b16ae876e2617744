"""How questions and what may follow them stand in one row, so that nothing is padding: pure planning, over tokens.

Questions stand one after another, each with its answers behind it. A token sees what all questions begin with, its own question up
to it, and of the answers its own: as if each had been read alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from assay_pipelines.evaluate.families import Tokens

_TOKENS = 1024  # of a row: enough to keep a processor busy, while few of them look in vain at each other


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is read, and what may follow it."""

    prompt: Tokens
    answers: tuple[Tokens, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One answer, and which of the logits that are kept say how likely its tokens are."""

    question: int
    answer: int
    tokens: Tokens
    logits: tuple[int, ...]


@dataclass(kw_only=True)
class Row:
    """What goes through the model at once; a part is a question, or an answer but for its last token."""

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)  # which one each token is of
    follows: list[int] = field(default_factory=list)  # which one that one follows, or itself
    kept: list[int] = field(default_factory=list)  # the places whose logits are wanted
    asked: list[Asked] = field(default_factory=list)
    _parts: int = 0

    def add(self, tokens: Tokens, *, position: int, follows: int | None = None) -> int:
        """Put a part at the end, and return its number."""
        part, self._parts = self._parts, self._parts + 1
        self.tokens += tokens
        self.positions += range(position, position + len(tokens))
        self.parts += [part] * len(tokens)
        self.follows += [part if follows is None else follows] * len(tokens)
        return part

    def keep(self, count: int) -> tuple[int, ...]:
        """Keep the logits of the last tokens, so many, and return their numbers among those that are kept."""
        first = len(self.kept)
        self.kept += range(len(self.tokens) - count, len(self.tokens))
        return tuple(range(first, first + count))


def rows_of(questions: Sequence[Question], *, start: int, logits: int) -> Iterator[Row]:
    """Cut questions, of which `start` tokens were read before, into rows that keep no more logits than so many.

    A question whose answers do not fit one row is read again in the next.
    """
    row = Row()
    for place, question in enumerate(questions):
        rest = question.prompt[start:]
        part: int | None = None
        end: tuple[int, ...] = ()
        for number, answer in enumerate(question.answers):
            wanted = len(answer) - 1 + (0 if part is not None else len(rest))
            full = len(row.tokens) + wanted > _TOKENS or len(row.kept) + len(answer) > logits
            if full and row.tokens:
                yield row
                row, part = Row(), None
            if part is None:
                part = row.add(rest, position=start)
                end = row.keep(1)
            row.add(answer[:-1], position=len(question.prompt), follows=part)
            row.asked.append(
                Asked(question=place, answer=number, tokens=answer, logits=end + row.keep(len(answer) - 1))
            )
    if row.tokens:
        yield row
