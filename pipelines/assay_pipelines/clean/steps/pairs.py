"""Taking out a user's turn together with its answer: what stands from it to the user's next turn."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from assay_pipelines.clean.table import Bools, Chats


def pairs_of(chats: Chats, chat: int) -> list[range]:
    """Return the places of each user's turn with what answers it; what goes before the first user's turn is in none."""
    turns = chats.turns(chat)
    begins = [turn for turn in turns if chats.roles[turn : turn + 1] == b"U"]
    return [range(begin, end) for begin, end in pairwise([*begins, turns.stop])]


def cut(chats: Chats, chat: int, removed: Bools, goes: Callable[[range], bool]) -> tuple[list[int], int]:
    """Mark the pairs that go. Returns the numbers of these pairs, and how many pairs stay."""
    pairs = pairs_of(chats, chat)
    gone = [number for number, pair in enumerate(pairs) if goes(pair)]
    for number in gone:
        removed[pairs[number].start : pairs[number].stop] = True
    return gone, len(pairs) - len(gone)


def none_removed(chats: Chats) -> Bools:
    """Return a mark for every message, none set."""
    return np.zeros(len(chats.roles), np.bool_)


def numbered(pairs: list[int]) -> str:
    """Name pairs in a ledger line, the first is 0."""
    return "pairs " + ", ".join(str(number) for number in pairs)
