"""ShareGPT: `{"conversations": [{"from": "human", "value": "…"}, …]}`, in its many spellings."""

from typing import Any

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.html import without_html
from assay_pipelines.clean.intake.record import (
    Chat,
    RejectedError,
    items,
    mapping,
    optional_text,
    rest,
    role_of,
    shown,
)

_TURNS = ("conversations", "conversation", "items")
_SPEAKERS = ("from", "role")
_WORDS = ("value", "content", "text")


def sharegpt(record: object) -> Chat:
    """Read one record; a `system` member goes first."""
    members = mapping(record)
    turns = [_turn(turn) for turn in items(members, *_TURNS)]
    system = optional_text(members, "system")
    if system:
        turns.insert(0, Message("system", system))
    return Chat(messages=turns, rest=rest(members, *_TURNS, "system"))


def _turn(turn: Any) -> Message:
    if not isinstance(turn, dict):
        raise RejectedError("found a turn that is no object, expected from and value")
    speaker = next((turn[name] for name in _SPEAKERS if name in turn), None)
    words = next((turn[name] for name in _WORDS if name in turn), None)
    if not isinstance(words, str):
        raise RejectedError(
            f"found a turn of {shown(speaker)} whose value is no string, expected its words as a string"
        )
    return Message(role_of(speaker), without_html(words))
