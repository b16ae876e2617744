"""What `duplicateSubstrings` has to find, in plain Python: by comparing all windows, and by a suffix array."""

import re
from itertools import pairwise

import numpy as np

Chat = list[tuple[str, str]]


def words(chat: Chat) -> list[str]:
    """Return the words of a chat, turn after turn."""
    return [word for _, text in chat for word in text.split()]


def first_by_comparing(chats: list[list[str]], length: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Return for each window (chat, place) the first that equals it, by comparing it with all before."""
    windows = [
        (chat, place) for chat, tokens in enumerate(chats) for place in range(len(tokens) - length + 1)
    ]

    def tokens(window: tuple[int, int]) -> list[str]:
        return chats[window[0]][window[1] : window[1] + length]

    return {
        window: next(other for other in windows[: number + 1] if tokens(other) == tokens(window))
        for number, window in enumerate(windows)
    }


def first_by_suffix_array(chats: list[list[str]], length: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the same by a suffix array over all chats, each followed by a number that occurs nowhere else."""
    numbers: dict[str, int] = {}
    text, places = [], []
    for chat, tokens in enumerate(chats):
        text += [len(chats) + numbers.setdefault(token, len(numbers)) for token in tokens] + [chat]
        places += [(chat, place) for place in range(len(tokens) + 1)]
    array = suffix_array(np.array(text))
    common = common_prefixes(text, array)
    first: dict[tuple[int, int], tuple[int, int]] = {}
    group: list[int] = []
    for suffix, shared in zip([*array.tolist(), -1], [*common, 0], strict=True):
        if shared < length and group:
            for member in group:
                first[places[member]] = places[min(group)]
            group = []
        group.append(suffix)
    return {
        (chat, place): found for (chat, place), found in first.items() if place + length <= len(chats[chat])
    }


def suffix_array(text: np.ndarray) -> np.ndarray:
    """Sort suffixes by doubling prefixes (Manber and Myers 1993)."""
    rank = np.unique(text, return_inverse=True)[1].astype(np.int64)
    step = 1
    while True:
        behind = np.zeros(len(rank), np.int64)
        behind[:-step] = rank[step:] + 1 if step < len(rank) else 0
        key = rank * (len(rank) + 1) + behind
        order = np.argsort(key, kind="stable")
        rank = np.empty_like(rank)
        rank[order] = np.concatenate([[0], np.cumsum(key[order][1:] != key[order][:-1])])
        if rank.max(initial=0) == len(rank) - 1:
            return order
        step *= 2


def common_prefixes(text: list[int], array: np.ndarray) -> list[int]:
    """Return how long a prefix each suffix shares with the one sorted before it (Kasai et al. 2001)."""
    before = {int(suffix): int(other) for other, suffix in pairwise(array)}
    common, shared = {int(array[0]): 0} if len(array) else {}, 0
    for suffix in range(len(text)):
        if suffix not in before:
            shared = 0
            continue
        other = before[suffix]
        while text[suffix + shared] == text[other + shared]:  # the numbers behind chats differ
            shared += 1
        common[suffix] = shared
        shared = max(0, shared - 1)
    return [common[int(suffix)] for suffix in array]


def struck(chats: list[list[str]], length: int, action: str, first: dict) -> list[set[int]]:
    """Return the tokens of each chat, in survivor order, that lie in spans to cut."""
    repeated = {found for window, found in first.items() if found != window}
    result: list[set[int]] = [set() for _ in chats]
    for (chat, place), found in first.items():
        goes = (
            found in repeated
            if action == "strike"
            else found[0] != chat or place - found[1] >= length  # strikeLater
        )
        if goes:
            result[chat].update(range(place, place + length))
    return result


def shares(chats: list[list[str]], length: int, least: float, first: dict) -> tuple[list[float], list[bool]]:
    """Visit chats in survivor order: the share of each that repeats kept ones or itself, and whether it is kept."""
    kept_windows: set = set()
    share, kept = [], []
    for chat, tokens in enumerate(chats):
        mine = [first[chat, place] for place in range(len(tokens) - length + 1)]
        covered: set[int] = set()
        for place, found in enumerate(mine):
            if found in kept_windows or mine.count(found) > 1:
                covered.update(range(place, place + length))
        share.append(len(covered) / max(len(tokens), 1))
        kept.append(not covered or share[-1] < least)
        if kept[-1]:
            kept_windows.update(mine)
    return share, kept


def left_of(chat: Chat, gone: set[int]) -> Chat | None:
    """Return a chat less some of its words; None if no pair of it is left. Only users' and assistants' turns."""
    left, blank, number = [], set(), 0
    for turn, (role, text) in enumerate(chat):
        cut, behind, open_at = [], 0, None
        found = [*re.finditer(r"\S+", text)]
        for place, match in enumerate(found):
            if number + place in gone:
                open_at = match.start() if open_at is None else open_at
                if place + 1 == len(found) or number + place + 1 not in gone:
                    cut.append(text[behind:open_at])
                    behind, open_at = match.end(), None
        number += len(found)
        rest = "".join([*cut, text[behind:]])
        if cut and not rest.strip():
            blank.add(turn)
        left.append((role, rest))
    result: Chat = []
    pairs = [turn for turn, (role, _) in enumerate(chat) if role == "user"]
    for begin, end in zip(pairs, [*pairs[1:], len(chat)], strict=True):
        if blank.isdisjoint(range(begin, end)):
            result += left[begin:end]
    return result or None
