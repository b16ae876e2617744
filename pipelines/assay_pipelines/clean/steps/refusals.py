"""Remove or replace answers that refuse: the whole chat, each such answer with its question, or the answer alone.

With `replaceWith`, an answer of another source to the same prompt takes a refusal's place. The prompt is all that the user
has said until then, white space apart, so that sources may differ in their earlier answers. Of several answers the first
counts; one that refuses itself is none. What finds no answer goes, as `scope` says.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.api.clean import Refusals
from assay.errors import StageError
from assay_pipelines.chats import HASH_BYTES
from assay_pipelines.clean.intake.parse import parse_piece
from assay_pipelines.clean.intake.pieces import Origin, pieces
from assay_pipelines.clean.steps.pairs import cut, none_removed, numbered
from assay_pipelines.clean.table import Bools, Chats, Judgement, Line
from assay_pipelines.refusals import Match, refusal

Answers = dict[bytes, str]  # prompt's hash → answer


def answers_of(step: Refusals, outside: Callable[[str], list[Path]]) -> Answers:
    """Read the answers to put in place of refusals.

    Raises:
        StageError: `AnswersMalformed`: a record is none of its format.

    """
    answers: Answers = {}
    if step.replace_with is None:
        return answers
    origin = Origin(format=step.replace_with.format.value, files=outside(step.replace_with.uri))
    for piece in pieces([origin]):
        for row in piece.to_pylist():
            table = parse_piece(row)
            for lines in table["lines"].to_pylist():
                for line in lines:
                    raise StageError(
                        "AnswersMalformed",
                        step.replace_with.uri,
                        line["detail"],
                        "Correct the record, or the format.",
                    )
            chats = Chats.of(table["messages"].combine_chunks())
            for turn, prompt in _prompts(chats):
                if refusal(chats.texts[turn], step.level) is None:
                    answers.setdefault(prompt, chats.texts[turn])
    return answers


def refusals(chats: Chats, step: Refusals, answers: Answers) -> Judgement:
    """Judge each chat by how its assistant's turns refuse."""
    found: dict[int, dict[int, Match]] = {}  # chat → turn → sign
    for chat in range(len(chats)):
        for turn in chats.turns(chat):
            if chats.roles[turn] == ord("A") and (match := refusal(chats.texts[turn], step.level)):
                found.setdefault(chat, {})[turn] = match
                if step.scope == "chat" and not answers:
                    break
    prompts = dict(_prompts(chats)) if answers and found else {}
    removed, lines = none_removed(chats), list[Line]()
    replaced: dict[int, str] = {}
    for chat, signs in found.items():
        instead = {turn: answers[prompts[turn]] for turn in signs if prompts.get(turn) in answers}
        replaced |= instead
        lines.append(_line(chats, chat, _Found(signs=signs, instead=instead), step.scope, removed))
    return Judgement(lines=lines, removed=removed, replaced=replaced)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The turns of a chat that refuse, and what is said instead."""

    signs: dict[int, Match]
    instead: dict[int, str]

    @property
    def left(self) -> list[int]:
        return [turn for turn in self.signs if turn not in self.instead]


def _line(chats: Chats, chat: int, found: _Found, scope: str, removed: Bools) -> Line:
    turn, match = next(iter(found.signs.items()))
    start = int(chats.starts[chat])

    def places(turns: Iterable[int]) -> str:
        return f"turns {', '.join(str(turn - start) for turn in turns)}"

    detail = f"{match.category}: {match.phrase!r} in turn {turn - start} at character {match.offset}"
    if found.instead:
        detail += f"; answered instead in {places(found.instead)}"
    left = found.left
    dropped = bool(left)
    if left and scope == "turnPair":
        gone, pairs = cut(chats, chat, removed, lambda pair: any(turn in left for turn in pair))
        detail, dropped = f"{detail}; {numbered(gone)}", not gone or not pairs
    elif left and scope == "message":
        removed[left] = True
        answers = [turn for turn in chats.turns(chat) if chats.roles[turn] == ord("A")]
        detail, dropped = f"{detail}; {places(left)}", left == answers
    return Line(chat=chat, rule=match.kind, detail=detail, dropped=dropped)


def _prompts(chats: Chats) -> Iterator[tuple[int, bytes]]:
    """Go through all answers with the hash of what the user said until then."""
    for chat in range(len(chats)):
        said = hashlib.sha256()
        for turn in chats.turns(chat):
            if chats.roles[turn] == ord("U"):
                said.update(" ".join(chats.texts[turn].split()).encode() + b"\0")
            elif chats.roles[turn] == ord("A"):
                yield turn, said.copy().digest()[:HASH_BYTES]
