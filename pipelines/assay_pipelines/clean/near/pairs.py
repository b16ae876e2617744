"""Judging pairs of chats: the Jaccard similarity of their shingles, if it and the edit similarity are what is asked for."""

from dataclasses import dataclass

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.near.edits import within
from assay_pipelines.clean.rows import Hashes
from assay_pipelines.clean.table import Floats, Ints


@dataclass(frozen=True)
class Lists:
    """Lists of numbers, one after another; `starts` has one more element than there are lists."""

    values: Hashes
    starts: Ints


@dataclass(frozen=True)
class Least:
    """What makes two chats similar; nothing is asked of those that merely are to be measured."""

    jaccard: float = 0.0
    edit_similarity: float = 0.0


def similarities(shingles: Lists, words: Lists, pairs: tuple[Ints, Ints], least: Least) -> Floats:
    """Return the Jaccard similarity of each pair, or -1 of those that are not similar."""
    result = np.empty(len(pairs[0]), np.float64)
    texts = (shingles.values, shingles.starts, words.values, words.starts)
    _similarities(texts, pairs, (least.jaccard, least.edit_similarity), result)
    return result


@compiled
def _similarities(
    texts: tuple[Hashes, Ints, Hashes, Ints],
    pairs: tuple[Ints, Ints],
    least: tuple[float, float],
    result: Floats,
) -> None:
    for place in range(len(result)):
        result[place] = _similarity(texts, pairs[0][place], pairs[1][place], least)


@compiled
def _similarity(
    texts: tuple[Hashes, Ints, Hashes, Ints], left: int, right: int, least: tuple[float, float]
) -> float:
    shingles, starts, words, begins = texts
    jaccard, edit_similarity = least
    one = shingles[starts[left] : starts[left + 1]]
    other = shingles[starts[right] : starts[right + 1]]
    both = len(one) + len(other)
    most_common = min(len(one), len(other))
    needed = int(jaccard / (1 + jaccard) * both) - 1
    while needed < most_common and needed / (both - needed) < jaccard:
        needed += 1
    common = _overlap(one, other, needed)
    if common / (both - common) < jaccard:
        return -1.0
    first = words[begins[left] : begins[left + 1]]
    second = words[begins[right] : begins[right + 1]]
    longer = max(len(first), len(second))
    most = int((1 - edit_similarity) * longer) + 1
    while most > 0 and (longer - most) / longer < edit_similarity:
        most -= 1
    return common / (both - common) if most == longer or within(first, second, most) else -1.0


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
