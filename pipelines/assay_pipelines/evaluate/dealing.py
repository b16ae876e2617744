"""Which pod of an evaluation works on which batches: pure, and the same in every pod, so that none has to ask another.

The largest go first, each to the pod that has least so far. Batches that go on from one beginning stay together where that
leaves room for an even deal: whoever works on one of them reads the beginning, too.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from assay.api.execution import EvaluateExecution
from assay_pipelines.evaluate.families import Tokens

POD = "ASSAY_POD"  # the variable that tells which pod of several this is, from 0

_PARTS = (
    4  # of what one pod would have of an even deal: batches of one beginning are not dealt in larger ones
)


@dataclass(frozen=True, kw_only=True)
class Pods:
    """How many pods carry out an evaluation together, and which of them this is."""

    count: int = 1
    index: int = 0

    @property
    def lead(self) -> bool:
        """Whether this one writes what all of them found."""
        return self.index == 0


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long a batch takes, as far as that is known before."""

    tokens: int  # roughly those read and written: only how sizes compare counts
    beginning: Tokens = ()  # what is read beside them, once for neighbours that have the same


def pods_of(execution: EvaluateExecution, environment: Mapping[str, str]) -> Pods:
    """Return the pods of an attempt: a process that nobody told its number is alone."""
    if POD not in environment:
        return Pods()
    return Pods(count=execution.pods, index=int(environment[POD]))


def deal(sizes: Sequence[Size], *, pods: int, first: int = 0) -> list[int]:
    """Return the pod of each batch; of pods that have equally little, the first is `first`, then those after it."""
    largest = sum(size.tokens for size in sizes) / (pods * _PARTS)
    hands = [(0, place, (first + place) % pods) for place in range(pods)]
    dealt = [0] * len(sizes)
    groups = [(sum(sizes[place].tokens for place in places), places) for places in _together(sizes, largest)]
    for tokens, places in sorted(groups, key=lambda group: (-group[0], group[1])):
        has, order, pod = hands[0]
        heapq.heapreplace(hands, (has + tokens, order, pod))
        for place in places:
            dealt[place] = pod
    return dealt


def _together(sizes: Sequence[Size], largest: float) -> list[list[int]]:
    """Group the places of neighbours that have the same beginning, none of several batches beyond the largest."""
    groups: list[list[int]] = []
    for beginning, family in groupby(range(len(sizes)), key=lambda place: sizes[place].beginning):
        room = -1.0
        for place in family:
            if not beginning or sizes[place].tokens > room:
                groups.append([])
                room = largest
            groups[-1].append(place)
            room -= sizes[place].tokens
    return groups
