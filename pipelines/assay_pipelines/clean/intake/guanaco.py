"""Guanaco as QLoRA published it: `{"text": "### Human: …### Assistant: …"}`."""

import re

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.record import Chat, RejectedError, mapping, rest, role_of, text

_MARKER = re.compile(r"### (Human|Assistant):")


def guanaco(record: object) -> Chat:
    """Read one record; white space around a turn is the format's, not the turn's."""
    members = mapping(record)
    whole = text(members, "text")
    head, *pieces = _MARKER.split(whole)
    if head.strip() or not pieces:
        raise RejectedError("found a text that starts otherwise, expected '### Human:' at its start")
    messages = [
        Message(role_of(speaker), words.strip())
        for speaker, words in zip(pieces[::2], pieces[1::2], strict=True)
    ]
    return Chat(messages=messages, rest=rest(members, "text"))
