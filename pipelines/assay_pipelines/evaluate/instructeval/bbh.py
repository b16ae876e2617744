"""BIG-Bench Hard: 27 tasks, a JSON file each; the first three rows of a file are the examples of all its others.

No task is described to the model. The score is the plain mean over tasks, so that an item weighs less in a larger one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay_pipelines.evaluate.instructeval.items import Benchmark, Item
from assay_pipelines.evaluate.instructeval.scoring import measured
from assay_pipelines.evaluate.reading import malformed, object_of, text_of

SHOTS = 3


def read(files: Sequence[Path], where: str, limit: int | None) -> list[Item]:
    """Read the items of every task, at most `limit` of each.

    Raises:
        StageError: `BenchmarkMalformed`.

    """
    tasks = {file.stem: file for file in files if file.suffix == ".json"}
    if not tasks:
        raise malformed(where, "no file <task>.json", "the folder bbh of BIG-Bench-Hard")
    return [item for name, file in sorted(tasks.items()) for item in _items(name, file, where, limit)]


def _items(name: str, file: Path, where: str, limit: int | None) -> list[Item]:
    place = f"{where}, file {file.name}"
    rows = object_of(text_of(file, where), place).get("examples")
    if not isinstance(rows, list) or len(rows) <= SHOTS:
        raise malformed(place, "no list `examples`, or a short one", f"more than {SHOTS} examples")
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("input", "target")):
            raise malformed(f"{place}, example {number}", f"{str(row)[:60]}", "input and target, both texts")
    asked = rows[SHOTS:][:limit]
    shots = tuple(_example(row) for row in rows[:SHOTS])
    return [
        Item(
            id=f"{name}/{number}",
            doc={"task": name, "input": row["input"], "target": row["target"]},
            shots=shots,
            question=_question(row),
            target=row["target"],
            weight=1 / len(asked),
        )
        for number, row in enumerate(asked, start=SHOTS)
    ]


def _question(row: dict[str, Any]) -> str:
    return f"{row['input']}\nAnswer:"


def _example(row: dict[str, Any]) -> str:
    return f"{_question(row)} {row['target']}\n\n"


BBH = Benchmark(
    read=read, score=measured, tokens=32, unit="share that begins with the label, mean over tasks"
)
