"""Which prompts begin alike, so that what they share is read once: pure planning, over tokens.

A prompt with examples begins as the prompts of its subject do. Sorted, such prompts stand beside each other; one walk over them
cuts where going on together would read more than beginning anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


def _families(prompts: Sequence[Tokens]) -> list[tuple[Tokens, list[int]]]:
    """Group prompts by what they begin with; those with too little in common make one group without a beginning."""
    ordered = sorted(range(len(prompts)), key=lambda place: prompts[place])
    together: list[list[int]] = []
    shared = 0  # tokens that all of the last group begin with
    for before, place in zip([None, *ordered], ordered, strict=False):
        common = 0 if before is None else _common(prompts[before], prompts[place])
        kept = min(shared, common)
        if together and (shared - kept) * (len(together[-1]) - 1) <= 2 * _FORWARD + kept:
            together[-1].append(place)
            shared = kept
        else:
            together.append([place])
            shared = len(prompts[place])
    alone: list[int] = []
    families = []
    for group in together:
        first, last = prompts[group[0]], prompts[group[-1]]
        length = min(_common(first, last), min(len(prompts[place]) for place in group) - 1)
        if length * (len(group) - 1) > _FORWARD:
            families.append((first[:length], group))
        else:
            alone += group
    return [*families, ((), alone)] if alone else families


def _common(one: Tokens, other: Tokens) -> int:
    length = min(len(one), len(other))
    differing = np.nonzero(np.array(one[:length]) != np.array(other[:length]))[0]
    return int(differing[0]) if len(differing) else length
