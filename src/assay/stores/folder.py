"""A folder as a store: for laptops, and for shared file systems with hard links.

Create-if-absent is `link(2)`, which fails when the name exists, from a temporary file that holds all the bytes.
"""

import errno
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assay.errors import StoreError
from assay.stores.store import ObjectInfo

_TEMPORARY = ".tmp-"


class FolderStore:
    """Objects are files below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._attempting(self._root.mkdir, parents=True, exist_ok=True)

    @property
    def uri(self) -> str:
        """`file:///…`."""
        return self._root.as_uri()

    def get(self, key: str) -> bytes | None:
        """Return the file's bytes, or None."""
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except OSError as error:
            raise self._refusal(error) from error

    def info(self, key: str) -> ObjectInfo | None:
        """Return the file's size and times, or None."""
        path = self._path(key)
        try:
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not path.is_file():
            return None
        return ObjectInfo(
            key=key,
            size=status.st_size,
            modified=datetime.fromtimestamp(status.st_mtime, UTC),
            etag=hashlib.sha256(
                f"{status.st_mtime_ns}/{status.st_size}/{status.st_ino}".encode()
            ).hexdigest(),
        )

    def create(self, key: str, data: bytes) -> bool:
        """Write atomically if absent."""
        temporary = self._written(key, data)
        try:
            os.link(temporary, self._path(key))
        except FileExistsError:
            return False
        except OSError as error:
            raise self._refusal(error) from error
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def put(self, key: str, data: bytes) -> None:
        """Write atomically, replacing."""
        temporary = self._written(key, data)
        self._attempting(os.replace, temporary, self._path(key))

    def upload(self, key: str, path: Path) -> None:
        """Copy a file in, atomically."""
        temporary = self._temporary(key)
        self._attempting(shutil.copyfile, path, temporary)
        self._attempting(os.replace, temporary, self._path(key))

    def download(self, key: str, path: Path) -> None:
        """Copy a file out, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}")
        try:
            shutil.copyfile(self._path(key), temporary)
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.uri}/{key}", "found nothing, expected an object", "Run the stage again."
            ) from error
        except OSError as error:
            raise self._refusal(error) from error
        temporary.replace(path)

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        """List files, in order of key."""
        folder = self._path(prefix.rpartition("/")[0])
        found = (
            path.relative_to(self._root).as_posix()
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(_TEMPORARY)
        )
        for key in sorted(key for key in found if key.startswith(prefix)):
            info = self.info(key)
            if info is not None:
                yield info

    def children(self, prefix: str) -> list[str]:
        """Return the next path segments."""
        try:
            return sorted(name for name in os.listdir(self._path(prefix)) if not name.startswith(_TEMPORARY))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def delete(self, key: str) -> None:
        """Remove the file."""
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise self._refusal(error) from error

    def _path(self, key: str) -> Path:
        return self._root / key

    def _temporary(self, key: str) -> Path:
        folder = self._path(key).parent
        self._attempting(folder.mkdir, parents=True, exist_ok=True)
        return folder / f"{_TEMPORARY}{secrets.token_hex(8)}"

    def _written(self, key: str, data: bytes) -> Path:
        temporary = self._temporary(key)
        self._attempting(temporary.write_bytes, data)
        return temporary

    def _attempting(self, act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        try:
            return act(*arguments, **named)
        except OSError as error:
            raise self._refusal(error) from error

    def _refusal(self, error: OSError) -> StoreError:
        found = (
            "the disk is full"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else f"{error.strerror} ({error.filename})"
        )
        do = (
            "Free some space, then run the same command again."
            if "full" in found
            else "Check the folder and its permissions."
        )
        return StoreError(self.uri, f"found that {found}, expected a writable folder", do)
