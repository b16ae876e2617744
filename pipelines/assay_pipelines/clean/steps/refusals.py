"""Remove or replace answers that refuse: the whole chat, each such answer with its question, or the answer alone.

With `replaceWith`, an answer of another source to the same prompt takes a refusal's place. The prompt is all that the user
has said until then, white space apart, so that sources may differ in their earlier answers. Of several answers the first
counts; one that refuses itself is none. What finds no answer goes, as `scope` says.

What refuses is said by the patterns that cleaning and evaluation share, or by a classifier, which is given each answer alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from assay.api.clean import Refusals
from assay.errors import StageError
from assay_pipelines.classifier import ClassifierFiles, classifier_of, probability
from assay_pipelines.clean.intake.parse import parse_piece
from assay_pipelines.clean.intake.pieces import Origin, pieces
from assay_pipelines.clean.steps.pairs import cut, none_removed, numbered
from assay_pipelines.clean.steps.prompts import prompts
from assay_pipelines.clean.table import Bools, Chats, Judgement, Line
from assay_pipelines.refusals import refusal

Answers = dict[bytes, str]  # prompt's hash → answer


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the step needs of its outside inputs."""

    classifier: ClassifierFiles | None = None
    answers: Answers = field(default_factory=dict)


class Sign(NamedTuple):
    """Why a turn counts as a refusal."""

    kind: str  # refusal, partial or disclaimer; a classifier knows the first alone
    said: str
    place: str = ""
    score: float | None = None


def needs_of(step: Refusals, outside: Callable[[str], list[Path]]) -> Needs:
    """Read the classifier, and the answers to put in place of refusals.

    Raises:
        StageError: `AnswersMalformed`: a record is none of its format; or what `classifier_of` raises.

    """
    classifier = None if step.classifier is None else classifier_of(step.classifier, outside)
    return Needs(classifier=classifier, answers=_answers(step, classifier, outside))


def _answers(
    step: Refusals, classifier: ClassifierFiles | None, outside: Callable[[str], list[Path]]
) -> Answers:
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
            for turn, prompt in prompts(chats):
                if prompt not in answers and _sign(chats.texts[turn], step, classifier) is None:
                    answers[prompt] = chats.texts[turn]
    return answers


def _sign(text: str, step: Refusals, classifier: ClassifierFiles | None) -> Sign | None:
    """Say how an answer refuses, if it does."""
    if step.classifier is not None and classifier is not None:
        score = probability(text, classifier)
        return Sign("refusal", classifier.label, score=score) if score >= step.classifier.threshold else None
    match = refusal(text, step.level)
    if match is None:
        return None
    return Sign(match.kind, f"{match.category}: {match.phrase!r}", f" at character {match.offset}")


def refusals(chats: Chats, step: Refusals, needs: Needs) -> Judgement:
    """Judge each chat by how its assistant's turns refuse."""
    answers = needs.answers
    found: dict[int, dict[int, Sign]] = {}  # chat → turn → sign
    for chat in range(len(chats)):
        for turn in chats.turns(chat):
            if chats.roles[turn] == ord("A") and (sign := _sign(chats.texts[turn], step, needs.classifier)):
                found.setdefault(chat, {})[turn] = sign
                if step.scope == "chat" and not answers:
                    break
    asked = dict(prompts(chats)) if answers and found else {}
    removed, lines = none_removed(chats), list[Line]()
    replaced: dict[int, str] = {}
    for chat, signs in found.items():
        instead = {turn: answers[asked[turn]] for turn in signs if asked.get(turn) in answers}
        replaced |= instead
        lines.append(_line(chats, chat, _Found(signs=signs, instead=instead), step.scope, removed))
    return Judgement(lines=lines, removed=removed, replaced=replaced)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The turns of a chat that refuse, and what is said instead."""

    signs: dict[int, Sign]
    instead: dict[int, str]

    @property
    def left(self) -> list[int]:
        return [turn for turn in self.signs if turn not in self.instead]


def _line(chats: Chats, chat: int, found: _Found, scope: str, removed: Bools) -> Line:
    turn, sign = next(iter(found.signs.items()))
    start = int(chats.starts[chat])

    def places(turns: Iterable[int]) -> str:
        return f"turns {', '.join(str(turn - start) for turn in turns)}"

    detail = f"{sign.said} in turn {turn - start}{sign.place}"
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
    return Line(chat=chat, rule=sign.kind, score=sign.score, detail=detail, dropped=dropped)
