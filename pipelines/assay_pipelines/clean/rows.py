"""What the driver knows of all rows: their number, source, hash and id, and which still go on.

Arrays, sorted by row number, about 40 bytes per row; steps that compare rows work on these alone.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from assay_pipelines.chats import HASH_BYTES
from assay_pipelines.clean.table import Bools, Ints

Hashes = npt.NDArray[np.uint64]
_Number = TypeVar("_Number", np.int64, np.uint64)

_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True)
class Rows:
    """All records that came in."""

    row: Ints
    source: Ints
    high: Hashes  # the first half of the hash of the messages
    low: Hashes
    number: Ints  # tells rows of one hash apart

    @classmethod
    def of(cls, table: pa.Table) -> "Rows":
        """Number the rows of each hash: in the order of sources, then of meta, so that the order of reading is no matter."""
        table = table.sort_by("row")
        row, source, tie = (table[name].to_numpy().astype(np.int64) for name in ("row", "source", "tie"))
        high, low = halves(table["hash"])
        order = np.lexsort((row, tie, source, low, high))
        number = np.empty(len(row), np.int64)
        number[order] = place_in_group(np.stack([high[order], low[order]]))
        return cls(row=row, source=source, high=high, low=low, number=number)

    def __len__(self) -> int:
        return len(self.row)

    def ids(self, places: Ints) -> pa.Array:
        """Return the ids of the rows at some places."""
        hashes = np.stack([self.high[places], self.low[places]], axis=1).astype(">u8")
        digits = hashes.tobytes().hex().encode()
        ends = np.arange(len(places) + 1, dtype=np.int32) * (2 * HASH_BYTES)
        texts = pa.StringArray.from_buffers(len(places), pa.py_buffer(ends), pa.py_buffer(digits))
        return pc.binary_join_element_wise(texts, pa.array(self.number[places]).cast(pa.string()), "-")

    def places(self, row: Ints) -> Ints:
        """Return where rows with these numbers are."""
        return np.searchsorted(self.row, row)

    @cached_property
    def rank(self) -> Ints:
        """Each row's place in the order of ids."""
        number = self.number.astype("U20") if len(self) and self.number.max() > 9 else self.number
        rank = np.empty(len(self), np.int64)
        rank[np.lexsort((number, self.low, self.high))] = np.arange(len(self))
        return rank

    def draw(self, tag: str, seed: int) -> Hashes:
        """Return a number for every row, as good as random, by its hash, a tag and a seed; rows with the same messages have their own, too."""
        return mixed(drawn(self.high, self.low, tag, seed) + self.number.astype(np.uint64))


def drawn(high: Hashes, low: Hashes, tag: str, seed: int) -> Hashes:
    """Return a number for every hash, as good as random, by a tag and a seed; equal hashes have the same."""
    salt = np.uint64(int.from_bytes(_digest(f"{tag}/{seed}"), "big"))
    return mixed(mixed(high ^ salt) ^ low)


def halves(hashes: pa.ChunkedArray) -> tuple[Hashes, Hashes]:
    """Split 16-byte hashes into two numbers each."""
    parts = [
        np.frombuffer(chunk.buffers()[1], ">u8").reshape(-1, 2)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in hashes.chunks
        if len(chunk)
    ]
    both = np.concatenate([np.empty((0, 2), ">u8"), *parts]).astype(np.uint64)
    return both[:, 0].copy(), both[:, 1].copy()


def first_of_group(sorted_keys: npt.NDArray[_Number]) -> Bools:
    """Say for each column of sorted keys whether it differs from the one before."""
    first = np.ones(sorted_keys.shape[1], np.bool_)
    first[1:] = (sorted_keys[:, 1:] != sorted_keys[:, :-1]).any(axis=0)
    return first


def among(values: npt.NDArray[_Number], chosen: npt.NDArray[_Number]) -> Bools:
    """Say which values are among some chosen, which are sorted."""
    if not len(chosen):
        return np.zeros(len(values), np.bool_)
    found = np.minimum(np.searchsorted(chosen, values), len(chosen) - 1)
    result: Bools = chosen[found] == values
    return result


def survivors(rows: "Rows", live: Ints, *keys: npt.NDArray[_Number]) -> Ints:
    """Say for each live row which of them stands for all with its keys: that of the source listed first, then of the smallest id.

    `live` are places; the keys stand beside them, and so do the answers, which count within `live`.
    """
    by: list[npt.NDArray[Any]] = [rows.rank[live], rows.source[live], *keys]
    order = np.lexsort(by)
    first = first_of_group(np.stack([key[order] for key in keys]))
    survivor = np.empty(len(live), np.int64)
    survivor[order] = order[np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
    return survivor


def place_in_group(sorted_keys: npt.NDArray[_Number]) -> Ints:
    """Number the columns of equal keys from 0 on."""
    places = np.arange(sorted_keys.shape[1], dtype=np.int64)
    begins = np.where(first_of_group(sorted_keys), places, 0)
    return places - np.maximum.accumulate(begins) if len(places) else places


def mixed(value: Hashes) -> Hashes:
    """Scramble 64-bit numbers (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        value = value + _MIX[0]
        value = (value ^ (value >> np.uint64(30))) * _MIX[1]
        value = (value ^ (value >> np.uint64(27))) * _MIX[2]
        return value ^ (value >> np.uint64(31))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:8]
