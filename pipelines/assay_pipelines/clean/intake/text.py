"""Plain text: `{"text": "…"}` or a JSON string per record, or a `.txt` file with one document per line."""

from assay_pipelines.chats import Message
from assay_pipelines.clean.intake.record import Chat, mapping, rest
from assay_pipelines.clean.intake.record import text as member


def text(record: object) -> Chat:
    """Read one document: a chat of one message in the role `text`."""
    if isinstance(record, str):
        return Chat(messages=[Message("text", record)])
    members = mapping(record)
    return Chat(messages=[Message("text", member(members, "text"))], rest=rest(members, "text"))
