"""Where the rows are while they go through the passes: blocks of a table, and functions over them.

On Ray Data (`on_ray.py`), or, while all the data is a few megabytes, right here: starting Ray would take many times
longer than the work. Functions are pure and nothing depends on how rows are cut into blocks, so both give the same bytes,
which a test holds them to.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, Self

import pyarrow as pa

from assay_pipelines.clean.partitions import OnBlock, Partitions

SMALL_BYTES = 32 << 20
RAY_ADDRESS = "RAY_ADDRESS"  # what Ray sets for the drivers of a cluster


Cutting = Callable[[pa.Table], list[pa.Table]]


class Blocks(Protocol):
    """Blocks of one table."""

    def map(self, function: OnBlock) -> Self:
        """Put every block through a function, which may be called on any cut of the rows."""
        ...

    def held(self) -> Self:
        """Carry out what is asked for so far, once, and hold the result."""
        ...

    def kept(self, name: str) -> Self:
        """Hold the result, and keep it for another attempt at the stage, where a redo would cost minutes.

        The name tells what was asked for so far from all else that the stage asks of equal blocks.
        """
        ...

    def parted(self, cut: Cutting, functions: Sequence[OnBlock]) -> Self:
        """Cut every block into parts, one per function, and put what all blocks have of a part, together, through its function.

        The results are held, each a block. Functions see no block and no part without rows.
        """
        ...

    def tables(self) -> Iterable[pa.Table]:
        """Bring the blocks here, one after another."""
        ...


class Here:
    """Blocks in this process."""

    def __init__(self, tables: Iterable[pa.Table]) -> None:
        self._tables = tables

    def map(self, function: OnBlock) -> "Here":
        """Put every block through a function."""
        return Here(function(table) for table in self._tables)

    def held(self) -> "Here":
        """Carry out what is asked for so far."""
        return Here(list(self._tables))

    def kept(self, name: str) -> "Here":  # noqa: ARG002 -- this process does it again in seconds
        """Carry out what is asked for so far."""
        return self.held()

    def parted(self, cut: Cutting, functions: Sequence[OnBlock]) -> "Here":
        """Cut every block, and put each part through its function."""
        cuts = [cut(table) for table in self._tables if len(table)]
        parts = (pa.concat_tables(pieces) for pieces in zip(*cuts, strict=True))
        return Here([function(part) for function, part in zip(functions, parts, strict=False) if len(part)])

    def tables(self) -> Iterable[pa.Table]:
        """Return the blocks."""
        return self._tables


def collected(blocks: Blocks, schema: pa.Schema) -> pa.Table:
    """Bring the columns of a schema, of all rows, to this process."""
    some = blocks.map(partial(_select, columns=schema.names))
    return pa.concat_tables([schema.empty_table(), *some.tables()]).combine_chunks()


def _select(table: pa.Table, columns: list[str]) -> pa.Table:
    return table.select(columns)


def open_blocks(
    tables: Iterable[pa.Table],
    *,
    size: int,
    cpus: int,
    memory_gib: float,
    partitions: Callable[[], Partitions],
) -> Blocks:
    """Take over blocks of so many bytes in all. In a Ray cluster that is there they go to Ray, however few."""
    small = size <= SMALL_BYTES
    if small and RAY_ADDRESS not in os.environ:
        return Here(tables)
    from assay_pipelines.clean.on_ray import OnRay  # noqa: PLC0415 -- seconds, for nothing when data is small

    return OnRay.of(tables, cpus=cpus, memory_gib=memory_gib, partitions=None if small else partitions())
