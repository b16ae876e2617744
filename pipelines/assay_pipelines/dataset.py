"""The chats that another stage wrote: what clean reads again, train learns, generate asks and evaluate measures."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from assay.artifacts.outputs import chats_file
from assay.errors import StageError
from assay_pipelines.chats import Message, messages_of, read_chats
from assay_pipelines.stage import StageRun

TEXT = "text"  # the role of a document that is no conversation


@dataclass(frozen=True, kw_only=True)
class Chat:
    """One row."""

    id: str
    messages: tuple[Message, ...]
    meta: dict[str, Any]

    @property
    def is_text(self) -> bool:
        """Whether it is a document and no conversation."""
        return len(self.messages) == 1 and self.messages[0].role == TEXT

    def turns(self) -> list[dict[str, str]]:
        """Return the messages as chat templates want them."""
        return [{"role": turn.role, "content": turn.content} for turn in self.messages]


def chats_path(run: StageRun, ref: str, *, split: str | None = None) -> Path:
    """Bring the file of a clean or generate stage's chats, or of a part that it set aside, to the local disk.

    Raises:
        StageError: `DataMissing`: it set no such part aside.

    """
    name = chats_file(split)
    if name not in (files := run.record(ref).outputs.files):
        raise StageError(
            "DataMissing",
            f"stage {ref}",
            f"found {', '.join(files)}, expected {name}",
            "Name a part that its split step makes.",
        )
    return run.artifact(ref, name).folder / name


def rows_of(
    run: StageRun, ref: str, *, split: str | None = None, columns: list[str] | None = None
) -> pa.Table:
    """Read a stage's chats as a table in order of id.

    Raises:
        StageError: `EmptyDataset`: there is nothing in it; or as `chats_path`.

    """
    path = chats_path(run, ref, split=split)
    table = read_chats(path, columns)
    if table.num_rows == 0:
        raise StageError(
            "EmptyDataset",
            f"stage {ref}",
            f"found no rows in {path.name}, expected at least one",
            "Look at what its steps drop.",
        )
    return table


def chats_of(run: StageRun, ref: str, *, split: str | None = None) -> list[Chat]:
    """Read a stage's chats row by row; as `rows_of`."""
    table = rows_of(run, ref, split=split)
    return [
        Chat(id=row, messages=tuple(messages), meta=json.loads(meta))
        for row, messages, meta in zip(
            table.column("id").to_pylist(), messages_of(table), table.column("meta").to_pylist(), strict=True
        )
    ]
