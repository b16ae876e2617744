"""Drop chats that share n words in a row with a benchmark's items (as GPT-3's authors did, with n = 13).

Every message is compared by itself. An item of fewer than n words cannot be found.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assay.api.clean import Decontaminate
from assay.errors import StageError
from assay_pipelines.clean.ngrams import Words
from assay_pipelines.clean.rows import Hashes
from assay_pipelines.clean.table import Chats, Ints, Judgement, Line


@dataclass(frozen=True, kw_only=True)
class Items:
    """The n-grams of benchmarks' items."""

    words: Words  # a text is an item
    hashes: Hashes  # of distinct n-grams, sorted
    first: Ints  # at which word each begins, where it occurs first
    benchmarks: list[str]  # by item
    places: list[str]  # file and line, by item


def items_of(step: Decontaminate, outside: Callable[[str], list[Path]]) -> Items:
    """Read the items and prepare to find them.

    Raises:
        StageError: `BenchmarkMalformed`: a line is no JSON object with `text`, or no item has as many words as the n-gram.

    """
    texts, benchmarks, places = [], [], []
    for path in outside(step.uri):
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            if line.strip():
                item = _item(line, f"{path.name}:{number}")
                texts.append(str(item["text"]))
                benchmarks.append(str(item.get("benchmark") or path.name))
                places.append(f"{path.name}:{number}")
    words = Words.of(texts)
    begins, hashes = words.ngrams(step.ngram)
    if not len(begins):
        raise StageError(
            "BenchmarkMalformed",
            step.uri,
            f"found no item of {step.ngram} words, expected some",
            "Make ngram smaller, or name another file.",
        )
    distinct, first = np.unique(hashes, return_index=True)
    return Items(words=words, hashes=distinct, first=begins[first], benchmarks=benchmarks, places=places)


def decontaminate(chats: Chats, step: Decontaminate, items: Items) -> Judgement:
    """Drop each chat that shares an n-gram with an item; the rule names the benchmark, the score counts shared n-grams."""
    words = Words.of(chats.texts)
    begins, hashes = words.ngrams(step.ngram)
    near = np.minimum(np.searchsorted(items.hashes, hashes), len(items.hashes) - 1)
    hits = np.flatnonzero(items.hashes[near] == hashes)
    found: dict[
        int, list[tuple[int, int]]
    ] = {}  # chat → the n-grams that it shares: its word, the item's word
    for mine, other in zip(begins[hits].tolist(), items.first[near[hits]].tolist(), strict=True):
        if words.said(mine, step.ngram) == items.words.said(other, step.ngram):
            chat = int(np.searchsorted(chats.starts, words.text[mine], side="right")) - 1
            found.setdefault(chat, []).append((mine, other))
    return Judgement(lines=list(_lines(chats, words, items, found)))


def _lines(
    chats: Chats, words: Words, items: Items, found: dict[int, list[tuple[int, int]]]
) -> Iterator[Line]:
    for chat, shared in found.items():
        mine, other = shared[0]
        item, turn = int(items.words.text[other]), int(words.text[mine])
        start = int(np.searchsorted(words.text, turn))
        named = {items.benchmarks[int(items.words.text[where])] for _, where in shared}
        more = sorted(named - {items.benchmarks[item]})
        yield Line(
            chat=chat,
            rule=f"benchmark {items.benchmarks[item]}",
            score=len(shared),
            detail=f"item {items.places[item]}, turn {turn - int(chats.starts[chat])} from word {mine - start}"
            + (f"; also {', '.join(more)}" if more else ""),
        )


def _item(line: bytes, where: str) -> dict[str, object]:
    try:
        item = json.loads(line)
    except ValueError:
        item = None
    if not isinstance(item, dict) or not isinstance(item.get("text"), str):
        raise StageError(
            "BenchmarkMalformed",
            where,
            "found no JSON object with `text`, expected one benchmark item per line",
            "Correct the line.",
        )
    return item
