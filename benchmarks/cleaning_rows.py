"""How fast steps of single chats are: `uv run --with polars python benchmarks/cleaning_rows.py`.

alternation, shortInput, lowAverage and repeatedQueries in one pass over blocks, alone and on Ray Data, beside the same work as
expressions of polars; both must keep the same rows, with the same turns. Chats are the samples' own texts, recombined. Seconds are of the processor
(of Ray's workers and this process; of polars on one thread), so that the rates are per core and other work may share the
machine. A rate is marginal: more chats / more seconds from the smaller size to the larger one, which leaves starting Ray out.
Blocks are as large as intake cuts JSON lines of all these chats, and 8,192 rows, as it cuts columnar files.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

os.environ["POLARS_MAX_THREADS"] = "1"
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import numpy as np
import polars as pl
import psutil
import pyarrow as pa
from _goals import end

from assay.api.clean import Step
from assay_pipelines.clean.intake.pieces import ROWS_PER_PIECE, piece_bytes
from assay_pipelines.clean.judge import Pass, judge
from assay_pipelines.clean.on_ray import OnRay
from assay_pipelines.clean.steps.verdict import NOWHERE
from plain_steps import given, working

SAMPLES = ROOT / "manifests/samples/data"
SMALL, LARGE = 32_000, 128_000  # both more than is cleaned without Ray
RUNS = 3
GOAL = 0.8
STEPS = [
    Step.model_validate(step)
    for step in (
        {"alternation": {}},
        {"shortInput": {"minWords": 3}},
        {"lowAverage": {"minTokensPerMessage": 10}},
        {"repeatedQueries": {}},
    )
]
PASS = Pass(
    first=False,
    steps=tuple((number, step.chosen, given(step)) for number, step in enumerate(STEPS)),
    joining=(0,),
    key_for=None,
    gone=NOWHERE,
    aside=NOWHERE,
)


Cut = Callable[[pa.Table], list[pa.Table]]


def recombined(count: int) -> pa.Table:
    """Make chats of one to four pairs, of which some break each rule."""
    draw = random.Random(1)
    files = (SAMPLES / name for name in ("chats.jsonl", "guanaco.jsonl", "pretrain.jsonl"))
    pool = " ".join(file.read_text() for file in files).encode("ascii", "ignore").decode().split()

    def words(most: int) -> str:
        begin = draw.randrange(len(pool) - most)
        return " ".join(pool[begin : begin + draw.randint(1, most)])

    def chat() -> list[tuple[str, str]]:
        query = words(30)
        asked = [query if draw.random() < 0.2 else words(30) for _ in range(draw.randint(1, 4))]
        turns = [turn for ask in asked for turn in (("user", ask), ("assistant", words(200)))]
        return turns if draw.random() < 0.9 else turns[:-1]

    return working([chat() for _ in range(count)])


def cut_by_intake(table: pa.Table) -> list[pa.Table]:
    """Cut a table where intake cuts its chats as JSON lines."""
    ends = np.cumsum([1 + len(json.dumps(messages)) for messages in table["messages"].to_pylist()])
    edges = np.searchsorted(ends, np.arange(0, ends[-1], piece_bytes(int(ends[-1]))))
    return [table.slice(begin, end - begin).combine_chunks() for begin, end in pairwise([*edges, len(table)])]


def cut_by_rows(table: pa.Table, block: int = ROWS_PER_PIECE) -> list[pa.Table]:
    return [table.slice(begin, block).combine_chunks() for begin in range(0, len(table), block)]


def ours(table: pa.Table, cut: Cut) -> tuple[float, pa.Table]:
    dataset = OnRay.of(cut(table), cpus=1, memory_gib=4)
    before = used()
    held = dataset.map(partial(judge, this=PASS)).held()
    took = used() - before
    result = pa.concat_tables(held.tables())
    return took, result.filter(result["kept"]).select(["row", "messages"]).sort_by("row")


def without_ray(table: pa.Table) -> tuple[float, pa.Table]:
    blocks = cut_by_intake(table)
    before = time.process_time()
    result = [judge(block, PASS) for block in blocks]
    return time.process_time() - before, pa.concat_tables(result)


def used() -> float:
    """Return the seconds that this process and Ray's workers have worked."""
    workers = [
        child for child in psutil.Process().children(recursive=True) if child.name().startswith("ray::")
    ]
    return time.process_time() + sum(sum(worker.cpu_times()[:2]) for worker in workers)


def peer(table: pa.Table) -> tuple[float, pa.Table]:
    frame = pl.from_arrow(table.select(["row", "messages"]))
    before = time.process_time()
    turns = frame.explode("messages").unnest("messages")
    turns = turns.with_columns(
        words=pl.col("content").str.count_matches(r"\S+"),
        pair=(pl.col("role") == "user").cum_sum().over("row"),
    )
    roles = pl.col("role").replace_strict({"user": "U", "assistant": "A"}).str.join("")
    sound = turns.group_by("row").agg(roles, blank=(pl.col("words") == 0).any())
    sound = sound.filter(pl.col("role").str.contains(r"^(UA)+$") & ~pl.col("blank"))
    turns = turns.join(sound.select("row"), on="row", how="semi", maintain_order="left")
    turns = turns.filter(pl.col("words").first().over("row", "pair") >= 3)
    turns = turns.filter(pl.col("words").mean().over("row") >= 10)
    asked = turns.filter(pl.col("role") == "user").select(
        "row", query=pl.col("content").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    )
    often = (
        asked.group_by("row", "query")
        .len()
        .group_by("row")
        .agg(pl.col("len").max(), pl.col("len").sum().alias("all"))
    )
    spam = often.filter((pl.col("len") >= 3) & (pl.col("len") / pl.col("all") > 0.5))
    turns = turns.join(spam, on="row", how="anti", maintain_order="left")
    left = turns.group_by("row", maintain_order=True).agg(messages=pl.struct("role", "content"))
    took = time.process_time() - before
    return took, left.to_arrow().select(["row", "messages"]).sort_by("row")


def marginal(function, small: pa.Table, large: pa.Table) -> tuple[float, float]:
    """Return the marginal rate in chats and in megabytes per second."""
    function(small)
    seconds = np.median([function(large)[0] - function(small)[0] for _ in range(RUNS)])
    return (len(large) - len(small)) / seconds, (large.nbytes - small.nbytes) / 1e6 / seconds


def main() -> None:
    large = recombined(LARGE)
    small = large.slice(0, SMALL).combine_chunks()
    left, expected = ours(small, cut_by_intake)[1], peer(small)[1]
    same = left["row"].to_pylist() == expected["row"].to_pylist()
    same = same and left["messages"].to_pylist() == expected["messages"].to_pylist()
    print(f"{SMALL} and {LARGE} chats, {large.nbytes / 1e6:.0f} MB; {len(left)} of {SMALL} kept; one core")
    rates = {}
    cuts = {"as JSON lines": cut_by_intake, f"by {ROWS_PER_PIECE}": cut_by_rows}
    on_ray = {f"on Ray Data, cut {name}": partial(ours, cut=cut) for name, cut in cuts.items()}
    for name, cut in cuts.items():
        print(f"cut {name}: {len(cut(small))} and {len(cut(large))} blocks")
    for name, function in ({"steps alone": without_ray} | on_ray | {"polars": peer}).items():
        rates[name], megabytes = marginal(function, small, large)
        print(f"{name:30}{rates[name]:10.0f} chats/s{megabytes:8.1f} MB/s", flush=True)
    met = [
        (f"{name}: {ratio:.2f} of the speed of polars, at least {GOAL} is wanted", ratio >= GOAL)
        for name in ("steps alone", *on_ray)
        for ratio in [rates[name] / rates["polars"]]
    ] + [
        ("the same rows and turns as polars keeps", same),
    ]
    end(met)


if __name__ == "__main__":
    main()
