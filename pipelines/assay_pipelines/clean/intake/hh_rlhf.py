r"""Anthropic's hh-rlhf: `{"chosen": "\\n\\nHuman: …\\n\\nAssistant: …", "rejected": …}`; the chosen transcript is the chat."""

import re

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.record import Chat, RejectedError, members_of, rest, role_of, text

_MARKER = re.compile(r"(?:^|\n\n)(Human|Assistant):")


def hh_rlhf(record: object) -> Chat:
    """Read one record; white space around a turn is the format's, not the turn's."""
    members = members_of(record)
    head, *pieces = _MARKER.split(text(members, "chosen"))
    if head.strip() or not pieces:
        raise RejectedError("found a transcript that starts otherwise, expected 'Human:' at its start")
    speakers = ("human" if speaker == "Human" else "assistant" for speaker in pieces[::2])
    messages = [
        Message(role_of(speaker), words.strip())
        for speaker, words in zip(speakers, pieces[1::2], strict=True)
    ]
    return Chat(messages=messages, rest=rest(members, "chosen", "rejected"))
