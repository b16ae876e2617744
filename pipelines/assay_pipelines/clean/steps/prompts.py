"""What answers are answers to: the user's words until then, white space aside."""

import hashlib
from collections.abc import Iterator

from assay_pipelines.chats import HASH_BYTES
from assay_pipelines.clean.table import Chats


def prompts(chats: Chats) -> Iterator[tuple[int, bytes]]:
    """Go through all answers with the hash of what the user said until then."""
    for chat in range(len(chats)):
        said = hashlib.sha256()
        for turn in chats.turns(chat):
            if chats.roles[turn] == ord("U"):
                said.update(_plain(chats.texts[turn]))
            elif chats.roles[turn] == ord("A"):
                yield turn, said.copy().digest()[:HASH_BYTES]


def prompt_keys(chats: Chats) -> list[bytes]:
    """Hash what the user says before each chat's first answer; of a chat without one, or a document, all that is said."""
    keys = []
    for chat in range(len(chats)):
        said = hashlib.sha256()
        for turn in chats.turns(chat):
            if chats.roles[turn] == ord("A"):
                break
            if chats.roles[turn] in b"UX":
                said.update(_plain(chats.texts[turn]))
        keys.append(said.digest()[:HASH_BYTES])
    return keys


def _plain(text: str) -> bytes:
    return " ".join(text.split()).encode() + b"\0"
