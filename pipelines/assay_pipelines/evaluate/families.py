"""Which prompts begin alike, so that what they share is read once: pure planning, over tokens.

A prompt with examples begins as the prompts of its subject do. Sorted, such prompts stand beside each other; one
walk over the tree of their beginnings finds those that are worth to be read once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

_FORWARD = 64  # tokens that a forward pass costs beside those that it reads
AT_ONCE = 4096  # tokens of one forward pass, padding with them

Tokens = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Prompts that go through the model together, by their places."""

    prefix: Tokens  # what all of them begin with, and each goes on from; may be empty
    places: tuple[int, ...]


def batches(prompts: Sequence[Tokens], *, rows: int) -> Iterator[Batch]:
    """Cut prompts into batches: those of one beginning after another, the longest first.

    The plan follows from the prompts alone, so that every attempt at the same work makes the same one.
    """
    for prefix, places in _families(prompts):
        ordered = sorted(places, key=lambda place: (-len(prompts[place]), prompts[place]))
        first = 0
        while first < len(ordered):
            longest = len(prompts[ordered[first]]) - len(prefix)
            taken = min(rows, max(1, AT_ONCE // longest))
            yield Batch(prefix=prefix, places=tuple(ordered[first : first + taken]))
            first += taken


@dataclass(kw_only=True)
class _Node:
    """Neighbours that begin alike, while the walk has not left them."""

    depth: int  # tokens that they share
    first: int
    gain: int = 0  # tokens saved by the families found in it
    families: list[tuple[int, int]] = field(default_factory=list)  # first and end of each


def _families(prompts: Sequence[Tokens]) -> list[tuple[Tokens, list[int]]]:
    """Group prompts by what they begin with, so that the most tokens are saved; the rest make one group without a beginning."""
    ordered = sorted(range(len(prompts)), key=lambda place: prompts[place])
    commons = [_common(prompts[a], prompts[b]) for a, b in pairwise(ordered)]
    stack: list[_Node] = []
    found = _Node(depth=0, first=0)
    for end, common in enumerate([*commons, -1], start=1):
        found = _Node(depth=common, first=end - 1)  # begun by one prompt alone
        while stack and stack[-1].depth > common:
            left = stack.pop()
            gain, families = left.gain + found.gain, left.families + found.families
            together = left.depth * (end - left.first - 1) - 2 * _FORWARD
            if together > gain:
                gain, families = together, [(left.first, end)]
            found = _Node(depth=common, first=left.first, gain=gain, families=families)
        if stack and stack[-1].depth == common:
            stack[-1].gain += found.gain
            stack[-1].families += found.families
        else:
            stack.append(found)
    groups = []
    for first, end in found.families:
        places = ordered[first:end]
        shortest = min(len(prompts[place]) for place in places)
        length = min(
            _common(prompts[places[0]], prompts[places[-1]]), shortest - 1
        )  # each has to read something
        groups.append((prompts[places[0]][:length], places))
    grouped = {place for _, places in groups for place in places}
    alone = [place for place in ordered if place not in grouped]
    return [*groups, ((), alone)] if alone else groups


def _common(one: Tokens, other: Tokens) -> int:
    length = min(len(one), len(other))
    differing = np.nonzero(np.array(one[:length]) != np.array(other[:length]))[0]
    return int(differing[0]) if len(differing) else length
