"""Alpaca: `{"instruction", "input", "output"}`, with `system` and `history` where there are more turns."""

from typing import Any

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.record import Chat, RejectedError, mapping, optional_text, rest, text


def alpaca(record: object) -> Chat:
    """Read one record; input follows its instruction on a new line, `response` is another spelling of output."""
    members = mapping(record)
    answer = text(members, "response" if "response" in members and "output" not in members else "output")
    question = "\n".join(
        part for part in (text(members, "instruction"), optional_text(members, "input")) if part
    )
    messages = [
        *_history(members.get("history") or []),
        Message("user", question),
        Message("assistant", answer),
    ]
    system = optional_text(members, "system")
    if system:
        messages.insert(0, Message("system", system))
    used = ("instruction", "input", "output", "system", "history")
    return Chat(
        messages=messages, rest=rest(members, *used, *(["response"] if "output" not in members else []))
    )


def _history(history: Any) -> list[Message]:
    messages = []
    for pair in history if isinstance(history, list) else [None]:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(item, str) for item in pair)):
            raise RejectedError(
                "found a history that is no list of [question, answer], expected pairs of strings"
            )
        messages += [Message("user", pair[0]), Message("assistant", pair[1])]
    return messages
