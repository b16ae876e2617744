"""Sorting and writing: rows go through buckets of ids on the local disk, so that any amount is sorted in bounded memory."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from assay.artifacts.outputs import LEDGER, chats_file
from assay.errors import BugError
from assay_pipelines.chats import CHATS, write_rows
from assay_pipelines.clean.account import LINES, Account
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.table import Ints
from assay_pipelines.clean.words import word_counts

BUCKET_BYTES = 256 << 20

_SPOOLED = pa.schema([pa.field("rank", pa.int64()), pa.field("part", pa.int64()), *CHATS])


def write_chats(
    kept: Iterable[pa.Table], account: Account, folder: Path, scratch: Path, size: int
) -> tuple[int, int]:
    """Write every kept row to its part's file, sorted by id. Returns the numbers of messages and words that go on.

    `kept` are tables with row, messages and meta; `size` is about how many bytes they are.
    """
    buckets = _Buckets(account.rows, scratch, 1 + size // BUCKET_BYTES)
    names = pa.array([source.name for source in account.clean.sources])
    seen = 0
    for table in kept:
        places = account.rows.places(table["row"].to_numpy())
        if not account.alive[places].all():
            raise BugError("clean", "found a row that the ledger says is gone", "Please report this.")
        columns = {
            "rank": account.rows.rank[places],
            "part": account.part[places],
            "id": account.rows.ids(places),
            "source": names.take(pa.array(account.rows.source[places])),
            "messages": table["messages"],
            "meta": table["meta"],
        }
        buckets.add(pa.table(columns, schema=_SPOOLED))
        seen += table.num_rows
    if seen != int(account.alive.sum()):
        raise BugError(
            "clean",
            f"found {seen} rows, expected {int(account.alive.sum())} by the ledger",
            "Please report this.",
        )
    counts = [0, 0]
    for number, part in enumerate([None, *account.parts]):
        written = write_rows(folder / chats_file(part), _part(buckets, number, counts))
        if written != int((account.alive & (account.part == number)).sum()):
            raise BugError(chats_file(part), f"found {written} rows written", "Please report this.")
    return counts[0], counts[1]


def write_ledger(account: Account, folder: Path) -> None:
    """Write the ledger."""
    write_rows(folder / LEDGER, account.ledger(), LINES)


def _part(buckets: "_Buckets", number: int, counts: list[int]) -> Iterator[pa.Table]:
    for table in buckets.sorted():
        chosen = table.filter(pa.array(table["part"].to_numpy() == number)).drop_columns(["rank", "part"])
        if number == 0:
            contents = chosen["messages"].combine_chunks().flatten().field("content")
            counts[0] += len(contents)
            counts[1] += int(word_counts(contents).sum())
        yield chosen


class _Buckets:
    """Files of rows, each a range of the order of ids."""

    def __init__(self, rows: Rows, scratch: Path, number: int) -> None:
        self._edges: Ints = np.linspace(0, len(rows), number + 1).astype(np.int64)[1:]
        self._paths = [scratch / f"bucket-{index}.arrow" for index in range(number)]
        self._writers = [pa.ipc.new_file(path, _SPOOLED) for path in self._paths]
        self._open = True

    def add(self, table: pa.Table) -> None:
        """Put rows where they belong."""
        bucket = np.searchsorted(self._edges, table["rank"].to_numpy(), side="right")
        for index in np.unique(bucket):
            self._writers[index].write_table(table.filter(pa.array(bucket == index)))

    def sorted(self) -> Iterator[pa.Table]:
        """Give all rows back in the order of ids, bucket by bucket."""
        if self._open:
            for writer in self._writers:
                writer.close()
            self._open = False
        for path in self._paths:
            with pa.memory_map(str(path)) as file:
                yield pa.ipc.open_file(file).read_all().sort_by("rank")
