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

from assay_pipelines.clean.intake.bounds import (
    UnpacksTooFarError,
    held_bytes,
    in_parts,
    most_bytes,
    parquet_batches,
)

COLUMNAR = (".parquet", ".arrow", ".feather")


def columnar_lines(path: Path, rows: int) -> Iterator[tuple[int, bytes]]:
    """Read a Parquet, Arrow or Feather file: the number of the first row, and the rows as lines.

    Raises:
        pyarrow.ArrowInvalid: it is no such file, or breaks off.
        UnpacksTooFarError: what it holds is far more than its size; the rows before were given.

    """
    line, left = 1, most_bytes(path)
    for batch in (part for whole in _batches(path, rows) for part in in_parts(whole)):
        held = held_bytes(batch)
        data = b"" if held > left else b"".join(_line(row) for row in batch.to_pylist())
        left -= max(held, len(data))
        if left < 0:
            raise UnpacksTooFarError
        yield line, data
        line += batch.num_rows


class UnclosedQuoteError(Exception):
    """In a CSV file a quote opens that never closes, so that all behind it would be one row."""


def csv_lines(text: Iterable[str], rows: int) -> Iterator[tuple[int, bytes]]:
    """Read CSV with a header; a row with another number of fields becomes a list, which no format takes.

    Raises:
        UnclosedQuoteError: at the end of the file; the rows before were given.

    """
    csv.field_size_limit(1 << 30)
    records = _csv_records(text)
    names = next(records, [])
    line, unclosed = 2, None
    while unclosed is None:
        some = []
        try:
            for row in islice(records, rows):
                fields = dict(zip(names, row, strict=True)) if len(row) == len(names) else row
                some.append(_line(fields))  # one by one: those before a fault stay
        except UnclosedQuoteError as error:
            unclosed = error
        if some:
            yield line, b"".join(some)
            line += len(some)
        elif unclosed is None:
            return
    raise unclosed


def _csv_records(text: Iterable[str]) -> Iterator[list[str]]:
    """Read records; the last one is held to be whole, which the reader does not say by itself."""
    taken: list[str] = []  # lines of the record being read

    def lines() -> Iterator[str]:
        for line in text:
            taken.append(line)
            yield line

    reader, before = csv.reader(lines()), None
    for record in reader:
        if before is not None:
            yield before
        before, last = record, taken.copy()
        taken.clear()
    if before is None:
        return
    try:
        list(csv.reader(last, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            begin = reader.line_num - len(last) + 1
            raise UnclosedQuoteError(
                f"found a quote in line {begin} that is closed nowhere in the {len(last)} lines from there, expected its end"
            ) from None
    yield before


def _batches(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    if path.suffix == ".parquet":
        yield from parquet_batches(path, rows)
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
