"""OpenAI messages: `{"messages": [{"role": "user", "content": "…"}, …]}`, content also as parts, calls of tools."""

from typing import Any

from assay.artifacts.canonical import canonical_json
from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.record import Chat, RejectedError, items, mapping, rest, role_of, shown


def openai(record: object) -> Chat:
    """Read one record."""
    members = mapping(record)
    return Chat(
        messages=[message(item) for item in items(members, "messages")], rest=rest(members, "messages")
    )


def message(item: Any) -> Message:
    """Read one message; calls of tools become canonical JSON after its words."""
    if not isinstance(item, dict):
        raise RejectedError("found a message that is no object, expected role and content")
    role = role_of(item.get("role"))
    parts = [_words(item.get("content"), role)]
    calls = item.get("tool_calls") or item.get("function_call")
    if calls:
        parts.append(canonical_json(calls).decode())
    elif item.get("content") is None:
        raise RejectedError(f"found a message of {role} without content and tool_calls, expected one of them")
    return Message(role, "\n".join(part for part in parts if part))


def _words(content: Any, role: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise RejectedError(f"found content of {role} that is neither string nor list, expected text")
    return "\n".join(_part(part, role) for part in content)


def _part(part: Any, role: str) -> str:
    if isinstance(part, str):
        return part
    kind = part.get("type") if isinstance(part, dict) else None
    words = (part.get("text", part.get("value")) if isinstance(part, dict) else None) or ""
    if kind not in ("text", "input_text", "output_text", "tool_call") or not isinstance(words, str):
        raise RejectedError(f"found a part of type {shown(kind)} in a message of {role}, expected text")
    return words
