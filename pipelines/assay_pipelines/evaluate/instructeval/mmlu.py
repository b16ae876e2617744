"""MMLU: 57 subjects of the original CSV files, five examples of the subject's `dev` file in order.

The tables are read by pandas as instruct-eval reads them, because it shows in prompts: a choice that says `None` is shown as
`nan`. The subject's name keeps the space that its code puts before it: "about  anatomy".
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]

from assay_pipelines.evaluate.instructeval.items import Benchmark, Item
from assay_pipelines.evaluate.instructeval.scoring import measured
from assay_pipelines.evaluate.reading import malformed

SHOTS = 5
LETTERS = "ABCD"
_COLUMNS = 2 + len(LETTERS)  # question, choices, letter of the right one


def read(files: Sequence[Path], where: str, limit: int | None) -> list[Item]:
    """Read the items of every subject that has a test file, at most `limit` of each.

    Raises:
        StageError: `BenchmarkMalformed`.

    """
    tests = _by_subject(files, "_test.csv")
    examples = _by_subject(files, "_dev.csv")
    if not tests:
        raise malformed(where, "no file <subject>_test.csv", "MMLU's folders dev and test")
    items: list[Item] = []
    for subject, file in sorted(tests.items()):
        if subject not in examples:
            raise malformed(where, f"no file {subject}_dev.csv", f"the examples of {file.name}")
        shots = tuple(_example(row) for row in _rows(examples[subject], where)[:SHOTS])
        items += [
            Item(
                id=f"{subject}/{index}",
                doc={"subject": subject, "row": [str(cell) for cell in row]},
                opening=_opening(subject),
                shots=shots,
                question=_question(row),
                target=row[-1],
            )
            for index, row in enumerate(_rows(file, where)[:limit])
        ]
    return items


def _opening(subject: str) -> str:
    words = "".join(f" {word}" for word in subject.split("_"))
    return f"The following are multiple choice questions (with answers) about {words}.\n\n"


def _question(row: Sequence[Any]) -> str:
    lettered = "".join(f"\n{letter}. {choice}" for letter, choice in zip(LETTERS, row[1:-1], strict=True))
    return f"{row[0]}{lettered}\nAnswer:"


def _example(row: Sequence[Any]) -> str:
    return f"{_question(row)} {row[-1]}\n\n"


def _by_subject(files: Sequence[Path], ending: str) -> Mapping[str, Path]:
    return {file.name.removesuffix(ending): file for file in files if file.name.endswith(ending)}


def _rows(file: Path, where: str) -> list[list[Any]]:
    place = f"{where}, file {file.name}"
    try:
        table = pd.read_csv(file, header=None)
    except ValueError as error:  # what pandas raises at a file that is no table, or not UTF-8
        raise malformed(place, str(error).splitlines()[0], "a table of CSV in UTF-8") from error
    if table.shape[1] != _COLUMNS:
        raise malformed(place, f"{table.shape[1]} columns", "question, four choices and the right letter")
    rows: list[list[Any]] = table.astype(object).to_numpy().tolist()
    for number, row in enumerate(rows, start=1):
        if row[-1] not in tuple(LETTERS):
            raise malformed(f"{place}, row {number}", f"the answer {row[-1]!r}", "A, B, C or D")
    return rows


MMLU = Benchmark(read=read, score=measured, tokens=2, chance=1 / len(LETTERS))
