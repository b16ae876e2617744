"""The chats that another stage wrote: what train learns, generate asks and evaluate measures."""

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from assay.errors import StageError
from assay_pipelines.chats import Message, chats_file, messages_of, read_chats
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


def rows_of(
    run: StageRun, ref: str, *, split: str | None = None, columns: list[str] | None = None
) -> pa.Table:
    """Read a clean or generate stage's table of chats, or of a part that it set aside, in order of id.

    Raises:
        StageError: `DataMissing`: it set no such part aside; `EmptyDataset`: there is nothing in it.

    """
    name = chats_file(split)
    if name not in (files := run.record(ref).outputs.files):
        raise StageError(
            "DataMissing",
            f"stage {ref}",
            f"found {', '.join(files)}, expected {name}",
            "Name a part that its split step makes.",
        )
    table = read_chats(run.artifact(ref, name).folder / name, columns)
    if table.num_rows == 0:
        raise StageError(
            "EmptyDataset",
            f"stage {ref}",
            f"found no rows in {name}, expected at least one",
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
