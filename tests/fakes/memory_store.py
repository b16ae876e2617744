"""A store in memory, with a clock that a test may turn."""

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from assay.errors import StoreError
from assay.stores.files import appearing, refusal
from assay.stores.store import RESERVED, ObjectInfo, check_folder, check_key, check_prefix


class _Object(NamedTuple):
    data: bytes
    modified: datetime
    version: int


class MemoryStore:
    """Holds the contract suite that the real stores hold, without a disk or a server."""

    def __init__(self, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._objects: dict[str, _Object] = {}
        self._lock = threading.Lock()
        self._clock = clock
        self._versions = itertools.count()

    @property
    def uri(self) -> str:
        """Not to be opened: it names this object."""
        return f"memory:///{id(self)}"

    def get(self, key: str) -> bytes | None:
        found = self._objects.get(check_key(key))
        return None if found is None else found.data

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        data = self.get(key)
        return None if data is None else data[start : start + length]

    def info(self, key: str) -> ObjectInfo | None:
        found = self._objects.get(check_key(key))
        return None if found is None else _info(key, found)

    def create(self, key: str, data: bytes) -> bool:
        with self._lock:
            if check_key(key) in self._objects:
                return False
            self._objects[key] = self._object(data)
            return True

    def put(self, key: str, data: bytes) -> None:
        with self._lock:
            self._objects[check_key(key)] = self._object(data)

    def upload(self, key: str, path: Path) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise refusal(str(path), error) from error
        self.put(key, data)

    def download(self, key: str, path: Path) -> None:
        data = self.get(key)
        if data is None:
            raise StoreError(f"{self.uri}/{key}", "found nothing, expected an object", "Run the stage again.")
        with appearing(path) as temporary:
            temporary.write_bytes(data)

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        with self._lock:
            objects = dict(self._objects)
        for key, found in objects.items():
            if key.startswith(prefix) and not key.startswith(RESERVED):
                yield _info(key, found)

    def children(self, prefix: str) -> list[str]:
        check_folder(prefix)
        return sorted({info.key.removeprefix(prefix).split("/")[0] for info in self.keys(prefix)})

    def delete(self, key: str) -> None:
        with self._lock:
            self._objects.pop(check_key(key), None)

    def _object(self, data: bytes) -> _Object:
        return _Object(data, self._clock(), next(self._versions))


def _info(key: str, found: _Object) -> ObjectInfo:
    etag = hashlib.sha256(found.data + str(found.version).encode()).hexdigest()
    return ObjectInfo(key=key, size=len(found.data), modified=found.modified, etag=etag)
