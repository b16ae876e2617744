"""How long `assay ledger` takes on a million lines and a million kept rows: `python benchmarks/ledger.py`.

Each question is asked as a user asks it, a process from start to end, of a folder and of a real MinIO. Beside the seconds on
the clock stand those of the processor, which other work on the machine lengthens less; beside all of it, reading the whole
ledger with plain pyarrow for the same row, and `assay --help`, which is what starting costs.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.artifacts.documents import Attempt, OutputFile, Outputs, Provenance, Record
from assay.artifacts.layout import claim_key, data_key
from assay.cli.ledger_rows import Rows
from assay.report.write import write_report
from assay.stores.files import sha256_of
from assay.stores.open import open_store
from assay.stores.records import publish
from assay.stores.store import Store
from assay_pipelines.chats import CHATS, MESSAGES, write_rows
from assay_pipelines.clean.account import LINES
from bench import START
from builders import a_plan
from s3servers import running_minio

LINES_COUNT = 1_000_000
TRIES = 3
GOAL_SECONDS = 1.0
ASSAY = Path(sys.executable).with_name("assay")


def ids(count: int, seed: int) -> list[str]:
    digits = np.random.default_rng(seed).bytes(16 * count).hex()
    return sorted(f"{digits[32 * at : 32 * at + 32]}-0" for at in range(count))


def written(folder: Path) -> tuple[list[str], list[str]]:
    """Write a ledger, half of it duplicates of kept rows and a tenth of a percent of a rare step, and the kept rows."""
    dropped, kept = ids(LINES_COUNT, 1), ids(LINES_COUNT, 2)
    draw = random.Random(3)
    copies = [draw.random() < 0.5 for _ in dropped]
    rare = [draw.random() < 0.001 for _ in dropped]
    ledger = pa.table(
        {
            "id": dropped,
            "source": ["chats"] * LINES_COUNT,
            "step": [
                "refusals" if not copy else "alternation" if odd else "exactDuplicates"
                for copy, odd in zip(copies, rare, strict=True)
            ],
            "action": ["dropped"] * LINES_COUNT,
            "rule": ["sameText" if copy else "inability" for copy in copies],
            "score": pa.nulls(LINES_COUNT, pa.float64()),
            "duplicate_of": [draw.choice(kept) if copy else None for copy in copies],
            "detail": [
                None if copy else f"'i am sorry' in turn 1 at character {draw.randrange(999)}"
                for copy in copies
            ],
            "cluster": pa.nulls(LINES_COUNT, LINES.field("cluster").type),
        },
        schema=LINES,
    )
    write_rows(folder / "ledger.parquet", [ledger], LINES)
    write_rows(folder / "chats.parquet", chats(kept))
    return dropped, kept


def chats(kept: list[str]) -> Iterator[pa.Table]:
    draw = np.random.default_rng(4)
    for start in range(0, len(kept), 8192):
        part = kept[start : start + 8192]
        texts = [draw.bytes(150).hex() for _ in part]
        messages = [
            [{"role": "user", "content": text}, {"role": "assistant", "content": text[:90]}] for text in texts
        ]
        columns = {"id": part, "source": ["chats"] * len(part), "messages": pa.array(messages, MESSAGES)}
        yield pa.table(columns | {"meta": ["{}"] * len(part)}, schema=CHATS)


def publish_into(store: Store, folder: Path) -> Record:
    """Make a clean stage that wrote the folder, and the report that knows it."""
    plan = a_plan()
    stage = next(stage for stage in plan.stages if stage.label == "without/cleaned")
    files = {}
    for path in folder.iterdir():
        store.upload(data_key(stage.ref, 1, path.name), path)
        files[path.name] = OutputFile(size=path.stat().st_size, sha256=sha256_of(path))
    steps = [step(name) for name in ("alternation", "exactDuplicates", "refusals")]
    counts = {"in": 2 * LINES_COUNT, "rejected": 0, "dropped": LINES_COUNT, "setAside": 0, "out": LINES_COUNT}
    summary = {"rows": LINES_COUNT, "sources": {"chats": counts}, "steps": steps, "splits": {}}
    claim = Attempt(number=1, owner="benchmark", claimed_at=START, locations=plan.locations)
    store.put(claim_key(stage.ref, 1), claim.encode())
    provenance = Provenance(
        attempt=1, inputs={}, execution={}, environment={}, started_at=START, finished_at=START
    )
    outputs = Outputs(files=files, summary=summary)
    record = publish(store, Record(identity=stage.document, outputs=outputs, provenance=provenance))
    write_report(plan, store)
    return record


def step(name: str) -> dict:
    counts = {"in": 0, "dropped": 0, "changed": 0, "setAside": 0, "out": 0}
    return {"name": name, "kind": name, **counts, "sources": {"chats": counts}}


def best(act: Callable[[], object]) -> float:
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        act()
        times.append(time.perf_counter() - start)
    return min(times)


def asked(*arguments: str, **environment: str) -> tuple[float, float]:
    """Return the seconds that a command takes, on the clock and of the processor."""
    tries = []
    for _ in range(TRIES):
        before, start = os.times(), time.perf_counter()
        subprocess.run(
            [str(ASSAY), *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        after, took = os.times(), time.perf_counter() - start
        processor = sum(after[2:4]) - sum(before[2:4])  # of children
        tries.append((took, processor))
    return min(tries)


def plainly(store: Store, record: Record, row: str, folder: Path) -> float:
    """Read the whole ledger for one row."""
    key = data_key(record.identity.ref, 1, "ledger.parquet")

    def read() -> pa.Table:
        store.download(key, folder / "copy.parquet")
        table = pq.read_table(folder / "copy.parquet")
        return table.filter(pc.equal(table["id"], row))

    return best(read)


def measured(store: Store, folder: Path, rows: tuple[str, str], **environment: str) -> bool:
    record = publish_into(store, folder)
    fallen, kept = rows
    questions = {
        "--row, dropped": ["--row", fallen],
        "--row, by 12 digits": ["--row", fallen[:12]],
        "--row, in the output": ["--row", kept],
        "--step, a frequent one": ["--step", "refusals"],
        "--step, a rare one": ["--step", "alternation"],
        "--sample 20": ["--sample", "20"],
    }
    met = True
    for words, arguments in questions.items():
        took, processor = asked(
            "ledger", "test/without/cleaned", "--store", store.uri, *arguments, **environment
        )
        met &= took < GOAL_SECONDS
        verdict = "met" if took < GOAL_SECONDS else "not met"
        print(
            f"  {words:24} {took:.2f} s (goal {GOAL_SECONDS:.0f} s: {verdict}), processor {processor:.2f} s"
        )
    with tempfile.TemporaryDirectory() as scratch:
        plain = plainly(store, record, fallen, Path(scratch))
    inside = best(lambda: Rows.of(store, record).story(fallen))
    print(
        f"  once Python is up: {inside:.3f} s; pyarrow, the whole ledger for one row: {plain:.3f} s, {plain / inside:.1f} times as long"
    )
    return met


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "outputs").mkdir()
        dropped, kept = written(folder / "outputs")
        for path in sorted((folder / "outputs").iterdir()):
            print(f"{path.name}: {LINES_COUNT} rows, {path.stat().st_size / 1e6:.0f} MB")
        rows = (dropped[LINES_COUNT // 3], kept[LINES_COUNT // 2])
        took, processor = asked("--help")
        print(f"assay --help: {took:.2f} s, processor {processor:.2f} s")
        print("a folder:")
        met = measured(open_store(str(folder / "store")), folder / "outputs", rows)
        (folder / "minio").mkdir()
        with running_minio(folder / "minio") as server:
            print("MinIO:")
            store = open_store(f"s3://{server.bucket}/ledger", server.environment)
            met &= measured(store, folder / "outputs", rows, **server.environment)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
