"""Parquet, Arrow, Feather and CSV files as JSON lines, some rows at a time.

A row's line is its number: from 1, and in CSV from 2, as the header is 1. Dates, decimals and bytes become strings, and a
number that is none becomes null: pandas writes it for what is absent.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNAR = (".parquet", ".arrow", ".feather")


def columnar_lines(path: Path, rows: int) -> Iterator[tuple[int, bytes]]:
    """Read a Parquet, Arrow or Feather file: the number of the first row, and the rows as lines.

    Raises:
        pyarrow.ArrowInvalid: it is no such file, or breaks off.

    """
    line = 1
    for batch in _batches(path, rows):
        yield line, b"".join(_line(row) for row in batch.to_pylist())
        line += batch.num_rows


def csv_lines(text: Iterable[str], rows: int) -> Iterator[tuple[int, bytes]]:
    """Read CSV with a header; a row with another number of fields becomes a list, which no format takes."""
    csv.field_size_limit(1 << 30)
    reader = csv.reader(text)
    names = next(reader, [])
    line = 2
    while some := list(islice(reader, rows)):
        yield (
            line,
            b"".join(
                _line(dict(zip(names, row, strict=True)) if len(row) == len(names) else row) for row in some
            ),
        )
        line += len(some)


def _batches(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as parquet:
            yield from parquet.iter_batches(batch_size=rows)
        return
    with pa.memory_map(str(path)) as file:
        whole = file.read(6) == b"ARROW1"
        file.seek(0)
        with (pa.ipc.open_file if whole else pa.ipc.open_stream)(file) as reader:
            batches = (
                (reader.get_batch(number) for number in range(reader.num_record_batches)) if whole else reader
            )
            for batch in batches:
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows)


def _line(row: Any) -> bytes:
    if isinstance(row, dict):
        row = {name: None if value != value else value for name, value in row.items()}  # noqa: PLR0124 -- NaN
    return json.dumps(row, default=str).encode() + b"\n"
