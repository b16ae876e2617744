"""Local files: that they appear whole or not at all, and what is in them."""

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assay.errors import StoreError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def refusal(where: str, error: OSError) -> StoreError:
    """Tell in three parts what the file system said."""
    if error.errno in _FULL:
        return StoreError(
            where,
            "found that the disk is full, expected room",
            "Free some space, then run the same command again.",
        )
    return StoreError(
        where,
        f"found that the file system refuses: {error.strerror or error} ({error.filename or 'no name'}), expected a folder that can be read and written",
        "Check the folder, its permissions and its disk.",
    )


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; it becomes `path` at the end, or vanishes with a failure.

    Raises:
        StoreError: the file system refuses, or is full.

    """
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise refusal(str(path), error) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def sha256_of(path: Path) -> str:
    """Digest a file's content as lower-case hexadecimal SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def flush(path: Path) -> None:
    """Bring a file's bytes to the disk, so that a name given to it later never shows other bytes after a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
