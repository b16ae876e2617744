"""From files to pieces: some megabytes of whole lines, or one whole document, that a task then reads.

The driver only cuts; nothing is decoded here. Pieces are numbered in the order of sources, files and lines, which is
all that later numbering rests on; where files are cut is no matter for what comes out. It is for the time: every pass over
a piece costs Ray Data 20 ms of the processor, whatever is in it.
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from assay.artifacts.endings import GZIP, ZSTD, endings
from assay_pipelines.clean.intake.bounds import UnpacksTooFarError, most_bytes
from assay_pipelines.clean.intake.tables import COLUMNAR, UnclosedQuoteError, columnar_lines, csv_lines

PIECE_BYTES = 4 << 20
MOST_BYTES = 16 << 20  # a task holds about ten times its piece
PIECES_AT_LEAST = 8  # before pieces grow: no core shall wait for the last one
ROWS_PER_PIECE = 8192
BLANK = b" \t\r\n\xef\xbb\xbf"

LINES, ARRAY, CHATS, BROKEN = "lines", "array", "chats", "broken"

PIECES = pa.schema(
    [
        pa.field("piece", pa.int64()),
        pa.field("source", pa.int16()),
        pa.field("format", pa.string()),  # empty for chats of another stage
        pa.field("shape", pa.string()),  # lines, array, chats or broken
        pa.field("file", pa.string()),
        pa.field("line", pa.int64()),  # the number of its first line
        pa.field("data", pa.large_binary()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The files of one source."""

    format: str  # empty: chats of another stage
    files: list[Path]


def piece_bytes(total: int) -> int:
    """Return the size of the pieces of so many bytes in all: by that alone, so that every attempt cuts alike."""
    return min(max(total // PIECES_AT_LEAST, PIECE_BYTES), MOST_BYTES)


def pieces(origins: Iterable[Origin], size: int = PIECE_BYTES) -> Iterator[pa.Table]:
    """Cut all sources, one piece per table."""
    numbers = count()
    for source, origin in enumerate(origins):
        folder = Path(os.path.commonpath([path.parent for path in origin.files]))
        for path in origin.files:
            name = path.relative_to(folder).as_posix()
            for shape, line, data in _stored(path) if not origin.format else _cut(path, size):
                columns = [
                    [next(numbers)],
                    [source],
                    [origin.format],
                    [shape],
                    [name],
                    [line],
                    pa.array([data], pa.large_binary()),
                ]
                yield pa.table(columns, schema=PIECES)


def _stored(path: Path) -> Iterator[tuple[str, int, bytes]]:
    line = 1
    for batch in pq.ParquetFile(path).iter_batches(batch_size=ROWS_PER_PIECE):
        sink = io.BytesIO()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        yield CHATS, line, sink.getvalue()
        line += batch.num_rows


def _cut(path: Path, size: int) -> Iterator[tuple[str, int, bytes]]:
    if path.suffix in COLUMNAR:
        yield from _columnar(path)
        return
    with _Reader(path) as file:
        suffix, _ = endings(path.name)
        if suffix == ".csv":
            file.line = 2
            try:
                for line, data in csv_lines(_text_lines(file), ROWS_PER_PIECE):
                    yield LINES, line, data
                    file.line = line + data.count(b"\n")
            except UnclosedQuoteError as error:
                file.broken = file.broken or str(error)
            if file.broken:
                yield BROKEN, file.line, file.broken.encode()
            return
        head = file.read(size)
        if suffix != ".txt" and (head.lstrip(BLANK)[:1] == b"[" or (suffix == ".json" and _spread(head))):
            yield ARRAY, 1, head + b"".join(iter(lambda: file.read(size), b""))
        else:
            yield from _whole_lines(file, head, size)
        if file.broken:
            yield BROKEN, file.line, file.broken.encode()


def _columnar(path: Path) -> Iterator[tuple[str, int, bytes]]:
    line = 1
    try:
        for line, data in columnar_lines(path, ROWS_PER_PIECE):
            yield LINES, line, data
    except pa.ArrowInvalid as error:
        yield BROKEN, line, f"found a file that cannot be read ({error}), expected a whole one".encode()
    except UnpacksTooFarError as error:
        yield BROKEN, line, str(error).encode()


def _text_lines(file: "_Reader") -> Iterator[str]:
    """Decode line by line; bytes that are no text are told when their row is read."""
    kept = b""
    while data := file.read(PIECE_BYTES):
        *whole, kept = (kept + data).split(b"\n")
        yield from (f"{line.decode(errors='surrogateescape')}\n" for line in whole)
    if kept:
        yield kept.decode(errors="surrogateescape")


def _whole_lines(file: "_Reader", head: bytes, size: int) -> Iterator[tuple[str, int, bytes]]:
    line, kept = 1, b""
    data = head
    while data:
        end = data.rfind(b"\n") + 1
        if end:
            piece = kept + data[:end]
            yield LINES, line, piece
            line += piece.count(b"\n")
            kept = data[end:]
        else:
            kept += data
        data = file.read(size)
    if kept:
        yield LINES, line, kept
        line += 1
    file.line = line


def _spread(head: bytes) -> bool:
    """Say whether a `.json` file that is no array is one object over several lines, and not an object per line."""
    first, *others = head.lstrip(BLANK).split(b"\n", 2)
    return bool(others) and not first.rstrip().endswith(b"}") and not others[0].startswith(b"{")


class _Reader:
    """A file's bytes, unpacked; what cannot be unpacked is told in `broken` once the rest has been read."""

    def __init__(self, path: Path) -> None:
        _, packing = endings(path.name)
        self._file: Any = (
            gzip.open(path)  # noqa: SIM115 -- closed by __exit__
            if packing == GZIP
            else pa.input_stream(str(path), compression="zstd")
            if packing == ZSTD
            else path.open("rb")
        )
        self._left = most_bytes(path) if packing else None
        self._damage: tuple[type[Exception], ...] = (
            (OSError, pa.ArrowInvalid) if packing == ZSTD else (EOFError, gzip.BadGzipFile, zlib.error)
        )
        self.broken = ""
        self.ended = False
        self.line = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes, fewer only at the end."""
        parts = []
        while size and not self.ended:
            try:
                part = self._file.read1(min(size, 1 << 16))
            except self._damage as error:
                self.broken = f"found a file that breaks off ({error}), expected a whole one"
                part = b""
            if self._left is not None:
                self._left -= len(part)
                if self._left < 0:
                    self.broken = str(UnpacksTooFarError())
                    part = b""
            self.ended = not part
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
