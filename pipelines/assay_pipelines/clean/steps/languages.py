"""Languages: drop chats that mix them (F5), or that are in others than those to keep.

Turns of users and assistants, and documents, are looked at, each by itself. A turn that is too short to tell, or whose
language is not told with enough confidence, counts for nothing. A guess that could change nothing is not settled: that is
most of the work saved.
"""

from collections.abc import Iterable, Iterator

from assay.api.clean import Languages, MixedLanguage
from assay_pipelines.clean.language import Guess, Language, settled
from assay_pipelines.clean.table import Chats, Judgement, Line

_SPEAK = b"UAX"


def mixed_language(chats: Chats, step: MixedLanguage) -> Judgement:
    """Drop a chat at the first turn in another language than the first that could be told; the score is its confidence."""
    lines = []
    for chat in range(len(chats)):
        guesses = list(_guessed(chats, chat))
        if len({guess.code for _, guess in guesses}) <= 1:
            continue
        first = None
        for place, found in _told(guesses, step.min_confidence):
            if first is None:
                first = place, found.code
            elif found.code != first[1]:
                detail = f"turn {first[0]} is {first[1]}, turn {place} is {found.code}"
                lines.append(Line(chat=chat, rule="mixedLanguage", score=found.confidence, detail=detail))
                break
    return Judgement(lines=lines)


def languages(chats: Chats, step: Languages) -> Judgement:
    """Drop a chat at the first turn in a language that is not kept; the score is its confidence."""
    kept = frozenset(step.keep)
    lines = []
    for chat in range(len(chats)):
        others = ((place, guess) for place, guess in _guessed(chats, chat) if guess.code not in kept)
        for place, found in _told(others, step.min_confidence):
            detail = f"turn {place} is {found.code}"
            lines.append(Line(chat=chat, rule="otherLanguage", score=found.confidence, detail=detail))
            break
    return Judgement(lines=lines)


def _guessed(chats: Chats, chat: int) -> Iterator[tuple[int, Guess]]:
    """Go through the turns whose language can be guessed, with their places in the chat."""
    for turn in chats.turns(chat):
        if chats.roles[turn] in _SPEAK and (guess := chats.guess(turn)):
            yield turn - int(chats.starts[chat]), guess


def _told(guesses: Iterable[tuple[int, Guess]], least: float) -> Iterator[tuple[int, Language]]:
    """Go through the turns whose language is told."""
    return ((place, found) for place, guess in guesses if (found := settled(guess, least)))
