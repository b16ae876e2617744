"""How fast `duplicateSubstrings` is: `uv run --group benchmark python benchmarks/cleaning_substrings.py`.

Words of the samples' texts, recombined, go through the step, beside a suffix array of the same words (divsufsort, then Kasai's
prefixes and a sweep, compiled). Both answers are compared byte by byte. Times are of the processor, of one core, from a table of chats to
the table that is left; words are numbered for the suffix array beforehand, and cut out afterwards, at no cost to it.
"""

import json
import random
import re
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa
from pydivsufsort import divsufsort

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from _goals import end

from assay.api.clean import Clean, DuplicateSubstrings
from assay_pipelines.clean.account import Account
from assay_pipelines.clean.blocks import Here
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.substrings.rounds import without_repeats
from plain_steps import working

LENGTH = 50
BYTES = 4_000_000
TIMES = 8
BLOCK_BYTES = 4 << 20
REPEATS = 3
GOAL_SPEED = 50  # MB/s on fresh text
GOAL_RATIO = 2  # to the suffix array, on as much text that is mostly repeats: what machines differ in, memory, slows both
GOAL_GROWTH = 1.25  # times the growth of the data
HEAVY = 0.86
STEP = DuplicateSubstrings.model_validate({"minTokens": LENGTH, "action": "strike"})
CLEAN = Clean.model_validate({"sources": [{"name": "s", "uri": "s", "format": "text"}]})


def sentences() -> list[str]:
    folder = ROOT / "manifests/samples/data"
    texts = [json.loads(line)["text"] for line in (folder / "pretrain.jsonl").open(encoding="utf-8")]
    for name in ("chats", "prompts"):
        for line in (folder / f"{name}.jsonl").open(encoding="utf-8"):
            texts += [turn["value"] for turn in json.loads(line)["conversations"]]
    found = [part for text in texts for part in re.findall(r"[^.!?\n]+[.!?\n]*\s*", text)]
    return [part for part in dict.fromkeys(found) if 3 <= len(part.split()) <= 20]


def fresh(size: int, *, seed: int) -> list[str]:
    """Return documents of sentences in chance order: hardly any fifty words recur."""
    draw, stock = random.Random(seed), sentences()
    made, left = [], size
    while left > 0:
        made.append("".join(draw.choices(stock, k=draw.randint(4, 60))))
        left -= len(made[-1].encode())
    return made


def heavy(size: int, *, seed: int) -> list[str]:
    """Return documents mostly made of passages that recur; there are the more passages the more text there is."""
    draw, stock = random.Random(seed), sentences()
    passages = ["".join(draw.choices(stock, k=draw.randint(8, 40))) for _ in range(max(20, size // 20_000))]
    made, left = [], size
    while left > 0:
        parts = [
            draw.choice(passages) if draw.random() < 0.8 else "".join(draw.choices(stock, k=12))
            for _ in range(draw.randint(1, 6))
        ]
        made.append("".join(parts))
        left -= len(made[-1].encode())
    return made


def timed(work: Callable[[], pa.Table]) -> tuple[float, pa.Table]:
    """Return the least processor time of several runs, and the result."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def prepared(texts: list[str]) -> tuple[Here, Account]:
    table = working([[("text", text)] for text in texts])
    edges = np.searchsorted(
        np.cumsum([len(text) for text in texts]), np.arange(0, 1 << 40, BLOCK_BYTES)[:500]
    )
    edges = np.unique([0, *edges, len(texts)]).tolist()
    blocks = Here([table.slice(begin, end - begin) for begin, end in pairwise(edges)])
    return blocks, Account(clean=CLEAN, rows=Rows.of(table))


def struck_by_step(blocks: Here, account: Account) -> pa.Table:
    return pa.concat_tables(without_repeats(blocks, account, 0, STEP, None).tables())


def texts_of(out: pa.Table) -> list[str | None]:
    return [messages[0]["content"] if messages else None for messages in out["messages"].to_pylist()]


def numbered(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return every word as a number, and where documents begin; each ends in a number of its own."""
    known: dict[str, int] = {}
    words = [[known.setdefault(word, len(known)) for word in text.split()] for text in texts]
    bounds = np.cumsum([0, *(len(mine) + 1 for mine in words)])
    numbers = np.concatenate([[*mine, len(known) + place] for place, mine in enumerate(words)])
    return numbers.astype(">u4"), bounds


def marked_by_suffixes(numbers: np.ndarray) -> np.ndarray:
    """Say which words lie in fifty that occur twice."""
    suffixes = divsufsort(numbers.view(np.uint8))
    suffixes = suffixes[suffixes % 4 == 0] // 4
    return _marked(numbers.astype(np.int64), suffixes.astype(np.int64), LENGTH)


@numba.njit(cache=True)
def _marked(text: np.ndarray, suffixes: np.ndarray, length: int) -> np.ndarray:
    rank = np.empty_like(suffixes)
    for place in range(len(suffixes)):
        rank[suffixes[place]] = place
    repeated = np.zeros(len(text) + 1, np.bool_)
    shared = 0
    for place in range(len(text)):
        if rank[place] == 0:
            shared = 0
            continue
        other = suffixes[rank[place] - 1]
        while max(place, other) + shared < len(text) and text[place + shared] == text[other + shared]:
            shared += 1
        if shared >= length:
            repeated[place] = repeated[other] = True
        shared = max(0, shared - 1)
    marked = np.zeros(len(text), np.bool_)
    end = 0
    for place in range(len(text)):
        if repeated[place]:
            end = place + length
        marked[place] = place < end
    return marked


def cut(text: str, marked: list[bool]) -> str | None:
    """Cut marked words out of a text; None if nothing is left of it."""
    parts, behind, begin = [], 0, None
    found = list(re.finditer(r"\S+", text))
    for place, word in enumerate(found):
        if marked[place]:
            begin = word.start() if begin is None else begin
            if place + 1 == len(found) or not marked[place + 1]:
                parts.append(text[behind:begin])
                behind, begin = word.end(), None
    left = "".join([*parts, text[behind:]])
    return left if left.strip() else None


def measured(make: Callable[..., list[str]], size: int) -> tuple[float, float, float, bool]:
    """Return the step's time, the suffix array's, the share of repeated words, and whether the answers are equal."""
    texts = make(size, seed=size)
    blocks, account = prepared(texts)
    mine, left = timed(lambda: struck_by_step(blocks, account))
    numbers, bounds = numbered(texts)
    start = time.process_time()
    marked = marked_by_suffixes(numbers)
    theirs = time.process_time() - start
    expected = [
        cut(text, marked[begin:end].tolist()) if marked[begin:end].any() else text
        for text, begin, end in zip(texts, bounds, bounds[1:], strict=False)
    ]
    return mine, theirs, marked.sum() / (len(numbers) - len(texts)), texts_of(left) == expected


def main() -> None:
    struck_by_step(*prepared(fresh(100_000, seed=0)))  # compiles
    marked_by_suffixes(numbered(["a b"])[0])
    goals = []
    for name, make in (("fresh", fresh), ("repeated", heavy)):
        times = []
        for size in (BYTES, BYTES * TIMES):
            mine, theirs, share, equal = measured(make, size)
            times.append(mine)
            speed = size / 1e6 / mine
            print(
                f"{name} text, {size / 1e6:.0f} MB, {share:.1%} of words repeated: {speed:.1f} MB/s,"
                f" suffix array {size / 1e6 / theirs:.1f} MB/s: {theirs / mine:.1f} times as fast"
            )
            goals.append((f"{name}, {size / 1e6:.0f} MB: the bytes that a suffix array leaves", equal))
        if make is fresh:
            goals.append((f"{name}: {speed:.1f} MB/s per core, at least {GOAL_SPEED}", speed >= GOAL_SPEED))
        else:
            ratio = theirs / mine
            goals.append(
                (f"{name}: {ratio:.1f} times the suffix array, at least {GOAL_RATIO}", ratio >= GOAL_RATIO)
            )
            goals.append((f"{share:.1%} of words repeated, at least {HEAVY:.0%}", share >= HEAVY))
        growth = times[1] / times[0]
        goals.append(
            (
                f"{name}: {TIMES} times the text takes {growth:.1f} times as long",
                growth <= GOAL_GROWTH * TIMES,
            )
        )
    end(goals)


if __name__ == "__main__":
    main()
