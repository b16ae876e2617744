"""OpenAssistant trees, as one chat or as many.

`oasst` follows the best-ranked replies down to the last answer. `oasst_all` takes every path from the root to an answer that
no other answer follows, best-ranked first; what ends without an answer is cut back to the last one.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.record import Chat, RejectedError, mapping, rest, role_of, text

_LAST = 2**31


def oasst(record: object) -> Chat:
    """Read the best path of a tree: `{"prompt": {"text", "role", "replies"}}`, or its root message alone."""
    root = _root(record)
    messages = [_message(root)]
    replies = _replies(root)
    while replies:
        messages.append(_message(replies[0]))
        replies = _replies(replies[0])
    while messages and messages[-1].role != "assistant":
        messages.pop()
    return _chats(record, [messages] if messages else [])[0]


def oasst_all(record: object) -> list[Chat]:
    """Read all paths of a tree."""
    return _chats(record, list(_paths(_root(record), [])))


def _paths(node: Mapping[str, Any], before: list[Message]) -> Iterator[list[Message]]:
    path = [*before, _message(node)]
    below = False
    for reply in _replies(node):
        for longer in _paths(reply, path):
            below = True
            yield longer
    if not below and path[-1].role == "assistant":
        yield path


def _root(record: object) -> Mapping[str, Any]:
    members = mapping(record)
    root = members.get("prompt", members)
    if not isinstance(root, dict) or "replies" not in root:
        raise RejectedError("found no replies, expected a tree: a message with its replies in it")
    return root


def _message(node: Mapping[str, Any]) -> Message:
    return Message(role_of(node.get("role")), text(node, "text"))


def _replies(node: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the replies by their ranks; unranked ones come after, deleted and refused ones never."""
    replies = [
        reply
        for reply in node.get("replies") or []
        if isinstance(reply, dict) and not reply.get("deleted") and reply.get("review_result") is not False
    ]
    return sorted(replies, key=lambda reply: rank if isinstance(rank := reply.get("rank"), int) else _LAST)


def _chats(record: object, paths: list[list[Message]]) -> list[Chat]:
    if not paths:
        raise RejectedError("found a tree without an answer, expected at least one reply of an assistant")
    members, root = mapping(record), _root(record)
    kept = rest(members, "prompt") if "prompt" in members else {"message_id": members.get("message_id")}
    kept |= {"lang": root["lang"]} if root.get("lang") else {}
    return [Chat(messages=messages, rest=kept) for messages in paths]
