"""Whether two sequences are within an edit distance (Levenshtein: insert, delete, substitute).

By furthest reaching points (Ukkonen 1985; Landau and Vishkin 1989): time grows with the length plus the distance squared.
"""

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.rows import Hashes
from assay_pipelines.clean.table import Ints

_NEVER = -2


@compiled
def within(left: Hashes, right: Hashes, most: int) -> bool:
    """Say whether `most` edits or fewer turn one into the other."""
    target = len(right) - len(
        left
    )  # the diagonal on which both end; that of a point is its place right less left
    if abs(target) > most:
        return False
    reached = np.full(2 * most + 3, _NEVER)  # by diagonal: the furthest place left after so many edits
    before = np.full(2 * most + 3, _NEVER)
    middle = most + 1
    reached[middle] = _slide(left, right, 0, 0)
    for edits in range(most + 1):
        if reached[middle + target] == len(left):
            return True
        if edits == most:
            break
        reached, before = before, reached
        _step((left, right), before, reached, (edits + 1, most))
    return False


@compiled
def _step(texts: tuple[Hashes, Hashes], before: Ints, reached: Ints, edits: tuple[int, int]) -> None:
    """Go one edit further on every diagonal from which the end can still be met."""
    left, right = texts
    done, most = edits
    target = len(right) - len(left)
    middle = most + 1
    spare = most - done
    for diagonal in range(max(-done, target - spare), min(done, target + spare) + 1):
        at = middle + diagonal
        place = max(before[at] + 1, before[at - 1], before[at + 1] + 1)
        place = min(place, len(left), len(right) - diagonal)
        if place < 0 or place + diagonal < 0:
            reached[at] = _NEVER
            continue
        reached[at] = _slide(left, right, place, diagonal)


@compiled
def _slide(left: Hashes, right: Hashes, place: int, diagonal: int) -> int:
    """Follow equal elements."""
    while place < len(left) and place + diagonal < len(right) and left[place] == right[place + diagonal]:
        place += 1
    return place
