"""Keep one of all chats with the same text: the source listed first, then the smallest row id.

The text is the contents of all turns, joined by newlines, without roles.
"""

import hashlib

import numpy as np

from assay.api.clean import ExactDuplicates
from assay_pipelines.chats import HASH_BYTES
from assay_pipelines.clean.rows import Hashes, Rows, survivors
from assay_pipelines.clean.steps.verdict import Verdict
from assay_pipelines.clean.table import Chats, Ints


def text_keys(chats: Chats, step: ExactDuplicates) -> list[bytes]:
    """Hash each chat's normalised text: equal texts, equal keys."""
    keys = []
    for chat in range(len(chats)):
        turns = chats.turns(chat)
        text = "\n".join(chats.texts[turns.start : turns.stop])
        if step.normalize != "none":
            text = " ".join(text.split())
        if step.normalize == "casefold":
            text = text.casefold()
        keys.append(hashlib.sha256(text.encode()).digest()[:HASH_BYTES])
    return keys


def exact_duplicates(rows: Rows, live: Ints, keys: tuple[Hashes, Hashes]) -> Verdict:
    """Drop all but the first of each group of equal keys; `keys` stand beside the live places."""
    high, low = keys
    survivor = survivors(rows, live, low, high)
    dropped = np.flatnonzero(survivor != np.arange(len(live)))
    return Verdict(dropped=live[dropped], rule="sameText", duplicate_of=live[survivor[dropped]])
