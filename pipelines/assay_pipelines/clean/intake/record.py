"""What every format shares: a record's chat, its refusal, and the spelling of roles."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay_pipelines.chats import Message

_SPELLINGS = {
    "system": ("system", "developer"),
    "user": ("human", "user", "prompter", "customer"),
    "assistant": (
        "gpt",
        "assistant",
        "chatgpt",
        "bing",
        "bard",
        "bot",
        "model",
        "ai",
        "claude",
        "gemini",
        "llama",
        "function_call",
        "tool_call",
    ),
    "tool": ("tool", "function", "observation", "function_response", "tool_response", "ipython"),
}
_WORD = re.compile(r"[\w-]{1,20}")
_ROLES = {spelling: role for role, spellings in _SPELLINGS.items() for spelling in spellings}


class RejectedError(Exception):
    """A record that is no chat of its source's format; the message says what was found and expected."""


class BrokenFileError(RejectedError):
    """The rest of a file, which cannot be read: nobody knows how many rows it holds."""


@dataclass(frozen=True, kw_only=True)
class Chat:
    """What a record holds."""

    messages: list[Message]
    rest: dict[str, Any] = field(default_factory=dict)  # everything else in the record, kept as meta


def role_of(spelling: object) -> str:
    """Return the role that a file spells in its own way.

    Raises:
        RejectedError: nobody knows it.

    """
    role = _ROLES.get(spelling.strip().lower()) if isinstance(spelling, str) else None
    if role is None:
        raise RejectedError(f"found role {shown(spelling)}, expected one such as human, gpt, system or tool")
    return role


def shown(value: object) -> str:
    """Tell a value that should be a plain word; of anything else only its kind or length, as it may be a chat's text."""
    if not isinstance(value, str):
        return _kind(value)
    return repr(value) if _WORD.fullmatch(value) else f"a string of {len(value)} characters"


def mapping(record: object) -> Mapping[str, Any]:
    """Return the record as a mapping, or reject it, also when it holds a preference pair and no single answer."""
    members = members_of(record)
    if "chosen" in members and "rejected" in members:
        raise RejectedError("found a preference pair (chosen, rejected), expected one chat")
    return members


def members_of(record: object) -> Mapping[str, Any]:
    """Return the record as a mapping, or reject it."""
    if not isinstance(record, dict):
        raise RejectedError(f"found {_kind(record)}, expected an object")
    return record


def text(record: Mapping[str, Any], name: str) -> str:
    """Return a member that must be a string."""
    value = record.get(name)
    if not isinstance(value, str):
        found = f"{name} as {_kind(value)}" if name in record else f"members {_names(record)}"
        raise RejectedError(f"found {found}, expected {name} as a string")
    return value


def optional_text(record: Mapping[str, Any], name: str) -> str:
    """Return a member that may be absent, null or a string: absent and null are empty."""
    return "" if record.get(name) is None else text(record, name)


def items(record: Mapping[str, Any], *names: str) -> list[Any]:
    """Return the first of some members that is there, which must be a list with something in it."""
    name = next((name for name in names if name in record), None)
    if name is None:
        raise RejectedError(f"found members {_names(record)}, expected {names[0]}")
    value = record[name]
    if not isinstance(value, list) or not value:
        found = "an empty list" if value == [] else _kind(value)
        raise RejectedError(f"found {name} as {found}, expected a list of turns")
    return value


def rest(record: Mapping[str, Any], *used: str) -> dict[str, Any]:
    """Return the members that are not used otherwise."""
    return {name: value for name, value in record.items() if name not in used and value is not None}


def _names(record: Iterable[str]) -> str:
    return ", ".join(sorted(record)[:8]) or "none"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
