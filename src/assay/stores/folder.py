"""A folder as a store: for laptops, and for shared file systems with hard links.

Every write goes to a temporary file below `.assay/tmp/`, is flushed to the disk, and then gets its name in one system
call: `rename(2)` replaces, `link(2)` creates and fails when the name exists. So a writer killed at any moment leaves
the old object or the new one, and at worst a temporary file, which a later opening sweeps. Folders are not flushed: a
name that a power cut takes back reads as "not there", which is always safe.
"""

import errno
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from assay.errors import StoreError
from assay.stores.files import appearing, flush, refusal
from assay.stores.store import (
    RESERVED,
    ObjectInfo,
    check_creates_once,
    check_folder,
    check_key,
    check_prefix,
)

_TEMPORARIES = f"{RESERVED}tmp"
_ABANDONED_SECONDS = 24 * 3600.0  # longer than any upload goes without writing
_NAMING_TRIES = 10  # a concurrent delete may take an emptied folder away before the name is given
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_NO_LINKS = frozenset({errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class FolderStore:
    """Objects are files below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def __repr__(self) -> str:
        return f"FolderStore({self.uri!r})"

    @property
    def uri(self) -> str:
        """`file:///…`."""
        return self._root.as_uri()

    def check(self) -> None:
        """Make the folder, sweep what killed writers left, and see that objects can be created.

        Raises:
            StoreError: it is a file, it cannot be written to, or its file system has no hard links.

        """
        self.check_readable(absent=True)
        with self._refusing():
            (self._root / _TEMPORARIES).mkdir(parents=True, exist_ok=True)
            self._sweep()
        check_creates_once(self)

    def check_readable(self, *, absent: bool = False) -> None:
        """See that the folder is there, or else may be made.

        Raises:
            StoreError: it is a file, or it is not there and may not be `absent`.

        """
        if self._root.is_dir():
            return
        if self._root.is_file():  # not merely there: another opener may be making the folder right now
            raise StoreError(self.uri, "found a file, expected a folder", "Name a folder.")
        if not absent:
            raise StoreError(self.uri, "found no folder, expected one", "Check the path.")

    def get(self, key: str) -> bytes | None:
        """Return the file's bytes, or None."""
        with self._refusing():
            try:
                return self._path(key).read_bytes()
            except _ABSENT:
                return None

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        """Return some of the file's bytes, or None."""
        with self._refusing():
            try:
                with self._path(key).open("rb") as file:
                    file.seek(start)
                    return file.read(length)
            except _ABSENT:
                return None

    def info(self, key: str) -> ObjectInfo | None:
        """Return the file's size and times, or None."""
        with self._refusing():
            return _info(key, self._path(key))

    def create(self, key: str, data: bytes) -> bool:
        """Write atomically if absent."""
        path = self._path(key)
        with self._temporary() as temporary:
            temporary.write_bytes(data)
            flush(temporary)
            try:
                _named(os.link, temporary, path)
            except FileExistsError:
                # Over NFS a link may be made and yet be reported as existing; see O_EXCL in open(2).
                return temporary.stat().st_nlink > 1
            except OSError as error:
                if error.errno in _NO_LINKS:
                    raise self._linkless(error) from error
                raise
        return True

    def put(self, key: str, data: bytes) -> None:
        """Write atomically, replacing."""
        path = self._path(key)
        with self._temporary() as temporary:
            temporary.write_bytes(data)
            flush(temporary)
            _named(os.replace, temporary, path)

    def upload(self, key: str, path: Path) -> None:
        """Copy a file in, atomically."""
        target = self._path(key)
        with self._temporary() as temporary:
            shutil.copyfile(path, temporary)
            flush(temporary)
            _named(os.replace, temporary, target)

    def download(self, key: str, path: Path) -> None:
        """Copy a file out, atomically."""
        source = self._path(key)
        with appearing(path) as temporary:
            try:
                shutil.copyfile(source, temporary)
            except _ABSENT as error:
                if source.is_file():
                    raise
                raise StoreError(
                    f"{self.uri}/{key}", "found nothing, expected an object", "Run the stage again."
                ) from error

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        """List files, folder by folder."""
        folder, _, _ = check_prefix(prefix).rpartition("/")
        with self._refusing():
            for key, path in _walk(f"{folder}/" if folder else "", self._root / folder, prefix):
                info = _info(key, path)
                if info is not None:
                    yield info

    def children(self, prefix: str) -> list[str]:
        """Return the next path segments."""
        with self._refusing():
            return [
                entry.name
                for entry in _entries(self._root / check_folder(prefix))
                if not f"{prefix}{entry.name}/".startswith(RESERVED)
            ]

    def delete(self, key: str) -> None:
        """Remove the file, and the folders that it leaves empty."""
        path = self._path(key)
        with self._refusing():
            try:
                path.unlink()
            except _ABSENT:
                return
            for folder in path.relative_to(self._root).parents[:-1]:
                try:
                    (self._root / folder).rmdir()
                except OSError:  # not empty, or gone
                    return

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        folder = self._root / _TEMPORARIES
        temporary = folder / secrets.token_hex(16)
        with self._refusing():
            folder.mkdir(parents=True, exist_ok=True)
            try:
                yield temporary
            finally:
                temporary.unlink(missing_ok=True)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise refusal(self.uri, error) from error

    def _sweep(self) -> None:
        oldest = time.time() - _ABANDONED_SECONDS
        for entry in _entries(self._root / _TEMPORARIES):
            try:
                if entry.stat().st_mtime < oldest:
                    Path(entry).unlink()
            except FileNotFoundError:  # its writer, or another opening, was quicker
                continue

    def _linkless(self, error: OSError) -> StoreError:
        return StoreError(
            self.uri,
            f"found that hard links cannot be made here ({error.strerror}), expected a file system that has them",
            "Use a folder on a local disk or NFS, or an S3 store.",
        )


def _named(name: Callable[[Path, Path], None], temporary: Path, path: Path) -> None:
    """Give a written file its name, making the folders on the way."""
    for _ in range(_NAMING_TRIES - 1):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return name(temporary, path)
        except FileNotFoundError:
            continue
    return name(temporary, path)


def _info(key: str, path: Path) -> ObjectInfo | None:
    try:
        status = path.stat()
    except _ABSENT:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    version = f"{status.st_mtime_ns}/{status.st_size}/{status.st_ino}"
    return ObjectInfo(
        key=key,
        size=status.st_size,
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        etag=hashlib.sha256(version.encode()).hexdigest(),
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except _ABSENT:
        return []


def _walk(folder_key: str, folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    for entry in _entries(folder):
        key = f"{folder_key}{entry.name}"
        if entry.is_dir():
            below = f"{key}/"
            if (below.startswith(prefix) or prefix.startswith(below)) and not below.startswith(RESERVED):
                yield from _walk(below, Path(entry), prefix)
        elif key.startswith(prefix):
            yield key, Path(entry)
