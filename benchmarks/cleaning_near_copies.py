"""What `nearDuplicates` holds where every chat has near copies: `python benchmarks/cleaning_near_copies.py [CHATS CHATS]`.

Two sizes, each carried out as a pod carries out a stage, through Ray with two CPUs; `cleaning_path.py` tells how it is measured.
Of every four chats one is made of the samples' own sentences, some 300 words, and three are copies less a word. The hashes of
their words and of their shingles are 16 bytes each, 5 KB per chat: what the driver has more of the larger size, for each
chat more, tells whether it holds any.
"""

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from _goals import end
from cleaning_path import CPUS, MEMORY_GIB, PROGRAM, Watched, recombined, watch

from assay.artifacts.kinds import Kind
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from bench import Bench

SIZES = (50_000, 200_000)
MEMBERS = 4
WORDS = 300
STEP = "nearDuplicates"
GOAL_BYTES = 1000  # a chat's, on the driver, with all that it knows of any row; its hashes would be five times that, and runs differ by 150


def near_copies(count: int) -> Iterator[str]:
    """Make chats of a question and an answer, cluster after cluster."""
    draw = random.Random(1)
    said = (text for turns in recombined(sys.maxsize) for _, text in turns)
    words = chain.from_iterable(text.split() for text in said)
    for _ in range(count // MEMBERS):
        base = list(islice(words, WORDS))
        for place in range(MEMBERS):
            text = list(base)
            if place:
                del text[draw.randrange(WORDS)]
            turns = [("human", " ".join(text[:40])), ("gpt", " ".join(text[40:]))]
            yield json.dumps({"conversations": [{"from": who, "value": said} for who, said in turns]})


def cleaned(count: int) -> tuple[Watched, int]:
    """Return what was seen, and how many chats the step dropped."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(store=FolderStore(folder / "store"), folder=folder)
        file = folder / "chats.jsonl"
        with file.open("w", encoding="utf-8") as lines:
            lines.writelines(f"{line}\n" for line in near_copies(count))
        source = {"name": "chats", "uri": bench.outside(file), "format": "sharegpt"}
        spec = {"sources": [source], "steps": [{STEP: {}}]}
        ref, arguments = bench.claimed(Kind.CLEAN, spec, cpus=CPUS, memoryGib=MEMORY_GIB)
        watched = watch([sys.executable, "-c", PROGRAM, *arguments], bench.store, ref)
        (step,) = load_record(bench.store, ref).outputs.summary["steps"]
        return watched, step["dropped"]


def main() -> None:
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    peaks = []
    for count in sizes:
        watched, dropped = cleaned(count)
        peaks.append(watched.driver[STEP])
        print(
            f"{count} chats, {dropped} dropped: {STEP} took {watched.clock[STEP]:.0f} s, processor"
            f" {watched.processor[STEP]:.0f} s; peak in it {watched.peak[STEP] / (1 << 30):.2f} GiB,"
            f" of which the driver's {watched.driver[STEP] / (1 << 20):.0f} MiB",
            flush=True,
        )
    grown = (peaks[-1] - peaks[0]) / (sizes[-1] - sizes[0])
    end([(f"the driver grows by {grown:.0f} bytes per chat, at most {GOAL_BYTES}", grown <= GOAL_BYTES)])


if __name__ == "__main__":
    main()
