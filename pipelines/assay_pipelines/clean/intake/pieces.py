"""From files to pieces: some megabytes of whole lines, or one whole document, that a task then reads.

The driver only cuts; nothing is decoded here. Pieces are numbered in the order of sources, files and lines, which is
all that later numbering rests on; where files are cut is no matter.
"""

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

PIECE_BYTES = 4 << 20
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


def pieces(origins: Iterable[Origin], size: int = PIECE_BYTES) -> Iterator[pa.Table]:
    """Cut all sources, one piece per table."""
    numbers = count()
    for source, origin in enumerate(origins):
        for path in origin.files:
            for shape, line, data in _stored(path) if not origin.format else _cut(path, size):
                columns = [
                    [next(numbers)],
                    [source],
                    [origin.format],
                    [shape],
                    [path.name],
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
    with _Reader(path) as file:
        head = file.read(size)
        suffix = Path(path.name.removesuffix(".gz")).suffix
        if suffix != ".txt" and (head.lstrip(BLANK)[:1] == b"[" or (suffix == ".json" and _spread(head))):
            yield ARRAY, 1, head + b"".join(iter(lambda: file.read(size), b""))
        else:
            yield from _whole_lines(file, head, size)
        if file.broken:
            yield BROKEN, file.line, file.broken.encode()


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
        packed = path.name.endswith(".gz")
        self._file: io.BufferedReader | gzip.GzipFile = gzip.open(path) if packed else path.open("rb")
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
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                self.broken = f"found a file that breaks off ({error}), expected a whole one"
                part = b""
            self.ended = not part
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
