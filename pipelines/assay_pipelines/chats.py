"""Chats on disk: one Parquet schema for everything that clean and generate write and that later stages read.

A chat is a list of messages, each a role and a content. Roles are `system`, `user`, `assistant`, `tool`, and `text` for
a document that is no conversation. A row's id is `<hash>-<k>`: 32 hexadecimal digits of the SHA-256 of its messages as
they came in, and a number that tells rows with the same messages apart. `meta` is canonical JSON of whatever else came
with the row. Files are sorted by id, and equal rows make equal bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from assay.artifacts.canonical import canonical_json

ROLES = ("system", "user", "assistant", "tool", "text")

MESSAGE = pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())])
MESSAGES = pa.list_(MESSAGE)
CHATS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("messages", MESSAGES, nullable=False),
        pa.field("meta", pa.string(), nullable=False),
    ]
)

ROWS_PER_GROUP = 8192
HASH_BYTES = 16


class Message(NamedTuple):
    """One turn."""

    role: str
    content: str


def content_hash(messages: Sequence[tuple[str, str]]) -> bytes:
    """Hash messages to 16 bytes.

    Raises:
        UnicodeEncodeError: a lone surrogate, which no file could hold.

    """
    encoded = json.dumps(messages, ensure_ascii=False, separators=(",", ":")).encode()
    return hashlib.sha256(encoded).digest()[:HASH_BYTES]


def text_of(messages: Iterable[tuple[str, str]]) -> str:
    """Return a chat's canonical text: the contents of its turns, joined by newlines, without roles."""
    return "\n".join(content for _, content in messages)


def chats_table(source: str, chats: Iterable[tuple[Sequence[tuple[str, str]], dict[str, Any]]]) -> pa.Table:
    """Make a sorted table of chats, each given as messages and meta, with their ids."""
    rows = sorted(
        (content_hash(messages).hex(), canonical_json(meta).decode(), [Message(*item) for item in messages])
        for messages, meta in chats
    )
    seen: dict[str, int] = {}
    ids = []
    for key, _, _ in rows:
        ids.append(f"{key}-{seen.setdefault(key, 0)}")
        seen[key] += 1
    table = pa.table(
        {
            "id": ids,
            "source": [source] * len(rows),
            "messages": pa.array(
                [[item._asdict() for item in messages] for _, _, messages in rows], MESSAGES
            ),
            "meta": [meta for _, meta, _ in rows],
        },
        schema=CHATS,
    )
    return table.sort_by("id")


def read_chats(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read chats, sorted by id."""
    return pq.read_table(path, columns=columns)


def messages_of(table: pa.Table) -> Iterator[list[Message]]:
    """Iterate over a table's chats as Python messages."""
    for batch in table.select(["messages"]).to_batches(max_chunksize=ROWS_PER_GROUP):
        for messages in batch.column(0).to_pylist():
            yield [Message(item["role"], item["content"]) for item in messages]


def write_rows(path: Path, tables: Iterable[pa.Table], schema: pa.Schema = CHATS) -> int:
    """Write rows in the order given and return their number; how they are cut into tables leaves no trace.

    Groups are small and each page has its checksum, so that one row is found, and verified, without reading the others.
    """
    written = 0
    pending: list[pa.Table] = []
    waiting = 0
    options = {"compression": "zstd", "version": "2.6", "write_page_checksum": True}
    with pq.ParquetWriter(path, schema, **options) as writer:
        for table in tables:
            pending.append(table.cast(schema))
            waiting += table.num_rows
            if waiting < ROWS_PER_GROUP:
                continue
            joined = pa.concat_tables(pending)
            whole = waiting - waiting % ROWS_PER_GROUP
            for start in range(0, whole, ROWS_PER_GROUP):
                _write_group(writer, joined.slice(start, ROWS_PER_GROUP))
            pending, waiting, written = [joined.slice(whole)], waiting - whole, written + whole
        if waiting:
            _write_group(writer, pa.concat_tables(pending))
    return written + waiting


def _write_group(writer: pq.ParquetWriter, group: pa.Table) -> None:
    """Write one row group from freshly laid out memory, so that no slice's offsets show in the bytes."""
    writer.write_table(group.take(pa.array(range(group.num_rows), pa.int64())).combine_chunks())
