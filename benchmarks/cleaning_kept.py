"""What it costs to keep the results of passes for another attempt: `python benchmarks/cleaning_kept.py`.

Blocks of 4 MiB of JSON lines, 100 MB in all, go through a pass of cleaning in this process: bare; with the results kept in a
folder store, as Ray's workers keep them; and once more, when they are taken over. The first pass reads the lines and carries out
cheap steps, without languages; the second makes keys of texts and nothing else, so that keeping weighs most. Seconds of the processor are this
process's; the clock's hold what other work and the disk take. The chats are those of `cleaning_path.py`.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import pyarrow as pa
from cleaning_path import recombined

from assay.api.clean import ExactDuplicates, Step
from assay_pipelines.clean.intake.parse import parse_piece
from assay_pipelines.clean.intake.pieces import Origin, pieces
from assay_pipelines.clean.judge import Pass, judge
from assay_pipelines.clean.partitions import OnBlock, Partitions, through
from assay_pipelines.clean.steps.verdict import NOWHERE
from plain_steps import given

BLOCKS = 24
CHATS = 12_000 * BLOCKS
GOAL = 0.1  # of the first pass
STEPS = [
    Step.model_validate(step)
    for step in (
        {"alternation": {}},
        {"shortInput": {"minWords": 2}},
        {"lowAverage": {"minTokensPerMessage": 4}},
        {"repeatedQueries": {}},
    )
]


def a_pass(steps: list[Step], *, first: bool) -> Pass:
    return Pass(
        first=first,
        steps=tuple((number, step.chosen, given(step)) for number, step in enumerate(steps)),
        joining=(0,),
        key_for=(len(STEPS), "exactDuplicates", ExactDuplicates()),
        gone=NOWHERE,
        aside=NOWHERE,
    )


def parsed(table: pa.Table) -> pa.Table:
    return pa.concat_tables([parse_piece(piece) for piece in table.to_pylist()])


def cut(folder: Path) -> list[pa.Table]:
    path = folder / "chats.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for turns in recombined(CHATS):
            chat = [{"from": who, "value": text} for who, text in turns]
            file.write(json.dumps({"conversations": chat}) + "\n")
    return list(islice(pieces([Origin(format="sharegpt", files=[path])]), BLOCKS))


@dataclass(frozen=True)
class Took:
    """Seconds."""

    processor: float
    clock: float


def timed(function: OnBlock, blocks: list[pa.Table]) -> tuple[Took, list[pa.Table]]:
    processor, clock = time.process_time(), time.perf_counter()
    made = [function(block) for block in blocks]
    return Took(time.process_time() - processor, time.perf_counter() - clock), made


def compared(what: str, kept: OnBlock, bare: OnBlock, blocks: list[pa.Table]) -> tuple[float, list[pa.Table]]:
    """Print what a pass takes, and return what keeping takes more, as a share of it, and the results."""
    alone, made = timed(bare, blocks)
    keeping, same = timed(kept, blocks)
    reading, again = timed(kept, blocks)
    if not made == same == again:
        sys.exit(f"{what}: found other results where they were kept, expected the same")
    share = keeping.processor / alone.processor - 1
    told = (
        f"{name} {took.processor:.1f} s ({took.clock:.1f} s by the clock)"
        for name, took in (("bare", alone), ("kept", keeping), ("taken over", reading))
    )
    print(f"{what}: {', '.join(told)}; keeping adds {share:.0%}")
    return share, made


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        blocks = cut(folder)
        size = sum(len(block["data"][0].as_py()) for block in blocks)
        print(f"{len(blocks)} blocks, {size / 1e6:.0f} MB; seconds of the processor")
        partitions = Partitions(store=(folder / "store").as_uri(), folder="partitions/stage/program")

        def both(name: str, *functions: OnBlock) -> tuple[Callable, Callable]:
            return partial(partitions.through, functions=functions, name=name), partial(
                through, functions=functions
            )

        first = both("first", parsed, partial(judge, this=a_pass(STEPS, first=True)))
        for function in first:
            function(blocks[0].slice(0, 1))  # imports, and opens the store
        (folder / "store" / "partitions").rename(folder / "warm")
        share, made = compared("first pass", *first, blocks)
        kept = sum(path.stat().st_size for path in (folder / "store" / "partitions").rglob("*.arrow"))
        print(f"kept of it: {kept / 1e6:.0f} MB")
        compared("keys alone", *both("keys", partial(judge, this=a_pass([], first=False))), made)
    print(
        f"{'met' if share <= GOAL else 'NOT MET'}: keeping adds {share:.0%} to the first pass, at most {GOAL:.0%}"
    )
    sys.exit(share > GOAL)


if __name__ == "__main__":
    main()
