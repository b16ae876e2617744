"""The chats that a clean or generate stage wrote, some at a time: what a training holds of them is their tokens, on disk."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assay.errors import StageError
from assay_pipelines.chats import Message
from assay_pipelines.dataset import chats_path
from assay_pipelines.stage import StageRun

_ROWS = 1024  # that are read at a time

Chats = Iterable[tuple[str, list[Message]]]  # ids and messages, in order of id; may be gone through again


@dataclass(frozen=True)
class StoredChats:
    """Chats in a file."""

    path: Path

    def __iter__(self) -> Iterator[tuple[str, list[Message]]]:
        for name, messages in _columns(self.path, "id", "messages"):
            yield name, [Message(turn["role"], turn["content"] or "") for turn in messages]


def read_chats(run: StageRun, ref: str, split: str | None) -> StoredChats:
    """Bring what a stage wrote.

    Raises:
        StageError: `EmptyDataset`: there is nothing in it; or as `chats_path`.

    """
    path = chats_path(run, ref, split=split)
    if pq.read_metadata(path).num_rows == 0:
        raise StageError(
            "EmptyDataset",
            f"stage {ref}",
            f"found no rows in {path.name}, expected at least one",
            "Look at what its steps drop.",
        )
    return StoredChats(path)


def read_rejected(chats: StoredChats) -> Iterator[Any]:
    """Yield what stands as `rejected` beside each chat, in their order; None where nothing does."""
    return (json.loads(meta).get("rejected") for (meta,) in _columns(chats.path, "meta"))


def _columns(path: Path, *names: str) -> Iterator[tuple[Any, ...]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, columns=list(names)):
            yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
