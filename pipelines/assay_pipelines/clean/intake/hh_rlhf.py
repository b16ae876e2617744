r"""Anthropic's hh-rlhf: `{"chosen": "\\n\\nHuman: …\\n\\nAssistant: …", "rejected": …}`; the chosen transcript is the chat.

The rejected one is kept beside it, as messages: what learning from preferences compares it with.
"""

import re
from collections.abc import Mapping
from typing import Any

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.record import Chat, RejectedError, members_of, rest, role_of, text

_MARKER = re.compile(r"(?:^|\n\n)(Human|Assistant):")


def hh_rlhf(record: object) -> Chat:
    """Read one record; white space around a turn is the format's, not the turn's."""
    members = members_of(record)
    messages, beside = _messages(members, "chosen"), rest(members, "chosen", "rejected")
    if members.get("rejected"):
        beside["rejected"] = [message._asdict() for message in _messages(members, "rejected")]
    return Chat(messages=messages, rest=beside)


def _messages(members: Mapping[str, Any], name: str) -> list[Message]:
    head, *pieces = _MARKER.split(text(members, name))
    if head.strip() or not pieces:
        raise RejectedError(
            f"found a {name} transcript that starts otherwise, expected 'Human:' at its start"
        )
    speakers = ("human" if speaker == "Human" else "assistant" for speaker in pieces[::2])
    return [
        Message(role_of(speaker), words.strip())
        for speaker, words in zip(speakers, pieces[1::2], strict=True)
    ]
