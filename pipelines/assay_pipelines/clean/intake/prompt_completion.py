"""Prompt and completion: `{"prompt": "…", "completion": "…"}`, both also as lists of messages."""

from typing import Any

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.openai import message
from assay_pipelines.clean.intake.record import Chat, RejectedError, items, mapping, rest, text


def prompt_completion(record: object) -> Chat:
    """Read one record."""
    members = mapping(record)
    messages = [*_side(members, "prompt", "user"), *_side(members, "completion", "assistant")]
    return Chat(messages=messages, rest=rest(members, "prompt", "completion"))


def _side(members: Any, name: str, role: str) -> list[Message]:
    if isinstance(members.get(name), list):
        return [message(item) for item in items(members, name)]
    if isinstance(members.get(name), dict):
        raise RejectedError(f"found {name} as an object, expected a string or messages")
    return [Message(role, text(members, name))]
