"""How far a file is read: what unpacks to far more than chats do was made to fill a memory.

A Parquet file need not be packed for that. A column may name one long text as often as it likes in a few bytes, so what its rows
hold is worked out before any of them is made.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MOST_UNPACKED = 200  # times a file's size: chats pack to a tenth
ALWAYS_UNPACKED = 64 << 20  # bytes, however small the file
_PART_BYTES = 64 << 20
_VALUE_BYTES = 8  # that one value takes at least


class UnpacksTooFarError(Exception):
    """Said of a file of which no more is read."""

    def __init__(self) -> None:
        super().__init__(
            f"found a file that unpacks to more than {MOST_UNPACKED} times its size, expected chats"
        )


def most_bytes(path: Path) -> int:
    """Return how many bytes are read of what a file unpacks to."""
    return max(path.stat().st_size * MOST_UNPACKED, ALWAYS_UNPACKED)


def parquet_batches(path: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """Read a Parquet file some rows at a time. Where a text may stand for many, it comes once, with numbers that say where.

    Raises:
        UnpacksTooFarError: what it says of itself is too much.

    """
    most = most_bytes(path)
    with pq.ParquetFile(path) as file:
        often = _named_often(file.metadata, most)
    with pq.ParquetFile(path, read_dictionary=often) as file:
        yield from file.iter_batches(batch_size=rows)


def _named_often(about: pq.FileMetaData, most: int) -> list[str]:
    """Name the columns whose texts, each as long as all of them together, would be too much."""
    found = set()
    for group in map(about.row_group, range(about.num_row_groups)):
        columns = [group.column(number) for number in range(group.num_columns)]
        if sum(column.total_uncompressed_size for column in columns) > most:
            raise UnpacksTooFarError
        for number, column in enumerate(columns):
            is_list = about.schema.column(number).max_repetition_level > 0
            if is_list and column.num_values * _VALUE_BYTES > most:  # it may all be one row's
                raise UnpacksTooFarError
            by_name = column.has_dictionary_page and column.physical_type == "BYTE_ARRAY"
            if by_name and column.num_values * column.total_uncompressed_size > most:
                found.add(column.path_in_schema)
    return sorted(found)


def held_bytes(batch: pa.RecordBatch) -> int:
    """Return how many bytes rows hold once no text stands for several."""
    return sum(map(_held, batch.columns))


def in_parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut rows so that no part holds much more than a memory bears, unless one row does."""
    if held_bytes(batch) <= _PART_BYTES or batch.num_rows < 2:
        yield batch
        return
    middle = batch.num_rows // 2
    yield from in_parts(batch.slice(0, middle))
    yield from in_parts(batch.slice(middle))


def _held(array: pa.Array) -> int:
    if isinstance(array, pa.DictionaryArray):
        if not pa.types.is_binary(array.type.value_type) and not _is_text(array.type.value_type):
            return len(array) * _VALUE_BYTES
        lengths = pc.cast(pc.binary_length(array.dictionary), pa.int64())
        return pc.sum(lengths.take(array.indices)).as_py() or 0
    if isinstance(array, pa.StructArray):
        return sum(map(_held, array.flatten()))
    if isinstance(array, pa.ListArray | pa.LargeListArray | pa.MapArray | pa.FixedSizeListArray):
        return _held(array.flatten())
    return int(array.nbytes)


def _is_text(kind: pa.DataType) -> bool:
    return any(
        is_so(kind) for is_so in (pa.types.is_string, pa.types.is_large_string, pa.types.is_large_binary)
    )
