"""OpenAssistant trees: each tree gives one chat, the path of best-ranked replies down to the last answer."""

from collections.abc import Mapping
from typing import Any

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.record import Chat, RejectedError, mapping, rest, role_of, text

_LAST = 2**31


def oasst(record: object) -> Chat:
    """Read one tree: `{"prompt": {"text", "role", "replies"}}`, or its root message alone."""
    members = mapping(record)
    node: Any = members.get("prompt", members)
    if not isinstance(node, dict) or "replies" not in node:
        raise RejectedError("found no replies, expected a tree: a message with its replies in it")
    language = node.get("lang")
    messages = []
    while node is not None:
        messages.append(Message(role_of(node.get("role")), text(node, "text")))
        node = _best(node.get("replies") or [])
    while messages and messages[-1].role != "assistant":
        messages.pop()
    if not messages:
        raise RejectedError("found a tree without an answer, expected at least one reply of an assistant")
    kept = rest(members, "prompt") if "prompt" in members else {"message_id": members.get("message_id")}
    return Chat(messages=messages, rest=kept | ({"lang": language} if language else {}))


def _best(replies: list[Any]) -> Mapping[str, Any] | None:
    """Return the reply ranked first; unranked ones come after, deleted and refused ones never."""
    candidates = [
        (rank if isinstance(rank := reply.get("rank"), int) else _LAST, place, reply)
        for place, reply in enumerate(replies)
        if isinstance(reply, dict) and not reply.get("deleted") and reply.get("review_result") is not False
    ]
    return min(candidates, key=lambda item: item[:2])[2] if candidates else None
