"""The join: chats that share a shingle of their prefixes meet, and those that are similar are linked.

Only what is linked is wanted, so two chats that are linked already never meet; that keeps a cluster of thousands that all
resemble each other from costing the square of its size.
"""

from dataclasses import dataclass

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.near.edits import within
from assay_pipelines.clean.rows import Hashes
from assay_pipelines.clean.table import Bools, Floats, Ints


@dataclass(frozen=True)
class Lists:
    """Lists of numbers, one after another; `starts` has one more element than there are lists."""

    values: Hashes
    starts: Ints


@dataclass(frozen=True)
class Meetings:
    """Which chats share which shingles of their prefixes, and where in the prefix each stands."""

    chats: Ints  # those that share any, ascending
    starts: Ints  # for each of them, where its meetings begin
    groups: Ints  # the number of the shared shingle
    places: Ints  # its place in the chat's order of rarity, from 0


def meetings(chat: Ints, shingles: Hashes, places: Ints) -> Meetings:
    """Find the shingles that more than one chat has; the arrays stand side by side, by chat and place."""
    order = np.argsort(shingles, kind="stable")
    ordered = shingles[order]
    new = np.ones(len(ordered), np.bool_)
    new[1:] = ordered[1:] != ordered[:-1]
    alone = new & np.append(new[1:], True)
    groups = np.empty(len(order), np.int64)
    groups[order] = np.where(alone, -1, np.cumsum(new & ~alone) - 1)
    shared: Bools = groups >= 0
    chats, counts = np.unique(chat[shared], return_counts=True)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return Meetings(chats, starts, groups[shared], places[shared])


def linked(met: Meetings, shingles: Lists, words: Lists, jaccard: float, edit_similarity: float) -> Ints:
    """Return for each chat that meets another the number of its cluster: one of its members' places in `met.chats`."""
    parents = np.arange(len(met.chats))
    if len(parents):
        texts = (shingles.values, shingles.starts, words.values, words.starts)
        _link((met.starts, met.groups, met.places), texts, (jaccard, edit_similarity), parents)
    return parents


def similarities(shingles: Lists, left: Ints, right: Ints) -> Floats:
    """Return the Jaccard similarity of pairs of chats."""
    result = np.empty(len(left), np.float64)
    _similarities(shingles.values, shingles.starts, (left, right), result)
    return result


@compiled
def _link(
    meetings: tuple[Ints, Ints, Ints],
    texts: tuple[Hashes, Ints, Hashes, Ints],
    least: tuple[float, float],
    parents: Ints,
) -> None:
    """Send each chat to all groups that it belongs to.

    A group keeps chains, each of members that are linked to each other: `heads` names its first chain's head, `beside` the
    next chain's head, `behind` the next member, `tails` a head's last member.
    """
    starts, groups, places = meetings
    heads = np.full(groups.max() + 1, -1)
    beside = np.full(len(groups), -1)
    behind = np.full(len(groups), -1)
    tails = np.arange(len(groups))
    owners = np.empty(len(groups), np.int64)
    met = np.full(len(parents), -1)
    for chat in range(len(parents)):
        for entry in range(starts[chat], starts[chat + 1]):
            owners[entry] = chat
            group = groups[entry]
            mine, before, head = -1, -1, heads[group]
            while head >= 0:
                after = beside[head]
                _greet(texts, least, parents, (owners, behind, places, met), (head, entry))
                if _root(parents, owners[head]) != _root(parents, chat):
                    before = head
                elif mine < 0:
                    mine = before = head
                else:
                    behind[tails[mine]] = head
                    tails[mine] = tails[head]
                    beside[before] = after
                head = after
            if mine < 0:
                beside[entry] = heads[group]
                heads[group] = entry
            else:
                behind[tails[mine]] = entry
                tails[mine] = entry
    for chat in range(len(parents)):
        parents[chat] = _root(parents, chat)


@compiled
def _greet(
    texts: tuple[Hashes, Ints, Hashes, Ints],
    least: tuple[float, float],
    parents: Ints,
    chains: tuple[Ints, Ints, Ints, Ints],
    entries: tuple[int, int],
) -> None:
    """Compare a newcomer with the members of a chain, until it is linked to one."""
    owners, behind, places, met = chains
    member, entry = entries
    chat = owners[entry]
    if _root(parents, owners[member]) == _root(parents, chat):
        return
    while member >= 0:
        other = owners[member]
        if met[other] != chat:
            met[other] = chat
            if _similar(texts, (other, chat), (places[member], places[entry]), least):
                parents[_root(parents, chat)] = _root(parents, other)
                return
        member = behind[member]


@compiled
def _root(parents: Ints, chat: int) -> int:
    while parents[chat] != chat:
        parents[chat] = parents[parents[chat]]
        chat = parents[chat]
    return chat


@compiled
def _similar(
    texts: tuple[Hashes, Ints, Hashes, Ints],
    pair: tuple[int, int],
    places: tuple[int, int],
    least: tuple[float, float],
) -> bool:
    """Judge a pair whose first common shingle stands at these places of their orders."""
    shingles, starts, words, begins = texts
    left, right = pair
    jaccard, edit_similarity = least
    size = starts[left + 1] - starts[left]
    other = starts[right + 1] - starts[right]
    common = min(size - places[0], other - places[1])  # no more than this
    if common / (size + other - common) < jaccard:
        return False
    needed = int(jaccard / (1 + jaccard) * (size + other)) - 1
    while needed < common and needed / (size + other - needed) < jaccard:
        needed += 1
    one = shingles[starts[left] : starts[left + 1]]
    if _overlap(one, shingles[starts[right] : starts[right + 1]], needed) < needed:
        return False
    first = words[begins[left] : begins[left + 1]]
    second = words[begins[right] : begins[right + 1]]
    longer = max(len(first), len(second))
    most = int((1 - edit_similarity) * longer) + 1
    while most > 0 and (longer - most) / longer < edit_similarity:
        most -= 1
    return most == longer or within(first, second, most)


@compiled
def _overlap(left: Hashes, right: Hashes, needed: int) -> int:
    """Count common elements of ascending arrays; less than `needed` once that is out of reach."""
    common, at, beside = 0, 0, 0
    while at < len(left) and beside < len(right):
        if common + min(len(left) - at, len(right) - beside) < needed:
            break
        if left[at] == right[beside]:
            common += 1
            at += 1
            beside += 1
        elif left[at] < right[beside]:
            at += 1
        else:
            beside += 1
    return common


@compiled
def _similarities(shingles: Hashes, starts: Ints, pairs: tuple[Ints, Ints], result: Floats) -> None:
    for place in range(len(result)):
        left, right = pairs[0][place], pairs[1][place]
        one = shingles[starts[left] : starts[left + 1]]
        other = shingles[starts[right] : starts[right + 1]]
        common = _overlap(one, other, 0)
        result[place] = common / (len(one) + len(other) - common)
