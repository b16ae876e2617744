"""The files of a benchmark as text, and what is said of one that cannot be read."""

import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from assay.errors import StageError


def malformed(where: str, found: str, expected: str) -> StageError:
    """Make the error of a benchmark that is not what it should be."""
    return StageError(
        "BenchmarkMalformed", where, f"found {found}, expected {expected}", "Mend the file, then plan again."
    )


def text_of(file: Path, where: str) -> str:
    """Read a file of UTF-8, gzipped where its name says so.

    Raises:
        StageError: `BenchmarkMalformed`.

    """
    place = f"{where}, file {file.name}"
    try:
        data = file.read_bytes()
        return (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
    except UnicodeDecodeError as error:
        raise malformed(place, "bytes that are no UTF-8", "UTF-8 text") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise malformed(place, "bytes that are no gzip, or break off", "a whole gzip file") from error


def lines_of(files: Sequence[Path], where: str) -> Iterator[tuple[str, str]]:
    """Yield the lines that are not blank, each with its place; as `text_of`."""
    for file in files:
        for number, line in enumerate(text_of(file, where).split("\n"), start=1):
            if line.strip():
                yield f"{where}, {file.name} line {number}", line


def object_of(text: str, place: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        StageError: `BenchmarkMalformed`.

    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise malformed(place, f"{text[:60]!r}", "a JSON object") from error
    if not isinstance(value, dict):
        raise malformed(place, f"{text[:60]!r}", "a JSON object")
    return value
