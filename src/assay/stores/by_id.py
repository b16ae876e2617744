"""Parquet outputs sorted by row id: a row is found by the bounds of row groups, without reading the others.

`pa.array` and `empty_table` import pandas where it is installed, which takes longer than all that is done here: neither is used.

What is read is held to the checksum of its page (CRC-32, beside the data). A page without one, as older versions of assay
wrote them, is read as it is.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from assay.artifacts.documents import Record
from assay.stores.ranged import Extent, RangedFile
from assay.stores.store import Store

_WIDEST = 64  # row groups read at once
_LAST = "\U0010ffff"  # sorts behind every letter of an id


class SortedOutput:
    """A file of rows whose first column is `id`, by which they are sorted."""

    def __init__(self, store: Store, record: Record, path: str) -> None:
        self._file = RangedFile(store, record, path)
        with self._telling():
            options = {"page_checksum_verification": True, "pre_buffer": False}
            self._parquet = pq.ParquetFile(self._file, **options)
            self._groups = self._parquet.metadata
            self._names: list[str] = self._parquet.schema_arrow.names
            bounds = [self._bounds(group) for group in range(self._groups.num_row_groups)]
        sizes = (self._groups.row_group(group).num_rows for group in range(self._groups.num_row_groups))
        self._begins: list[int] = list(accumulate(sizes, initial=0))
        self._lowest, self._highest = [low for low, _ in bounds], [high for _, high in bounds]

    def __len__(self) -> int:
        return self._begins[-1]

    def starting_with(self, prefix: str, most: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the first rows, at most so many, whose id starts so."""
        first = bisect_left(self._highest, prefix)
        last = bisect_right(self._lowest, prefix + _LAST)
        places: list[int] = []
        for begin, table in self._waves(list(range(first, last)), ["id"]):
            found = pc.indices_nonzero(pc.starts_with(table["id"], prefix))
            places += [begin + place for place in found[: most - len(places)].to_pylist()]
            if len(places) == most:
                break
        return self.take(places, columns)

    def beside(self, word: str) -> list[str]:
        """Return the ids that stand before and behind where a word would stand."""
        group = bisect_left(self._highest, word)
        around = [group - 1, group] if group else [group]
        near = []
        for _, table in self._waves([item for item in around if item < len(self._highest)], ["id"]):
            ids = table["id"].to_pylist()
            at = bisect_left(ids, word)
            near += ids[max(0, at - 1) : at + 1]
        return near

    def scan(self, columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        """Yield all rows from the first to the last, some at a time, each time with the place of the first of them."""
        yield from self._waves(list(range(len(self._lowest))), columns)

    def take(self, places: Sequence[int], columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows at some places, in the order of places."""
        inside: dict[int, list[int]] = {}  # group → places in it
        for place in sorted(places):
            group = bisect_right(self._begins, place) - 1
            inside.setdefault(group, []).append(place - self._begins[group])
        names = list(columns or self._names)
        found = [pa.Table.from_batches([], self._parquet.schema_arrow).select(names)]
        groups = list(inside)
        for start in range(0, len(groups), _WIDEST):
            part = groups[start : start + _WIDEST]
            sizes = (self._begins[group + 1] - self._begins[group] for group in part)
            before = accumulate(sizes, initial=0)
            wanted = [
                base + place for base, group in zip(before, part, strict=False) for place in inside[group]
            ]
            found.append(self._read(part, names).take(_indices(wanted)))
        return pa.concat_tables(found)

    def _waves(self, groups: list[int], columns: Sequence[str]) -> Iterator[tuple[int, pa.Table]]:
        """Read neighbouring groups: one at first, for those who soon have enough, then more and more at once."""
        start, width = 0, 1
        while start < len(groups):
            part = groups[start : start + width]
            yield self._begins[part[0]], self._read(part, columns)
            start, width = start + width, min(2 * width, _WIDEST)

    def _read(self, groups: list[int], columns: Sequence[str]) -> pa.Table:
        self._file.fetch(extent for group in groups for extent in self._extents(group, columns))
        with self._telling():
            return self._parquet.read_row_groups(groups, columns=list(columns), use_threads=False)

    def _extents(self, group: int, columns: Sequence[str]) -> Iterator[Extent]:
        row_group = self._groups.row_group(group)
        for index in range(row_group.num_columns):
            chunk = row_group.column(index)
            if chunk.path_in_schema.partition(".")[0] in columns:
                start = chunk.dictionary_page_offset or chunk.data_page_offset
                yield start, start + chunk.total_compressed_size

    def _bounds(self, group: int) -> tuple[str, str]:
        statistics: Any = self._groups.row_group(group).column(0).statistics
        return statistics.min, statistics.max

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError) as error:
            raise self._file.damaged(f"damaged bytes ({error})", "what was written") from error


def _indices(places: Sequence[int]) -> pa.Array:
    """Return places as what `take` wants."""
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(array("q", places))])
