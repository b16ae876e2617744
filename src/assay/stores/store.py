"""The port: what assay needs of an object store. One contract suite holds for every implementation."""

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from assay.errors import BugError, StoreError

T = TypeVar("T")
R = TypeVar("R")

RESERVED = ".assay/"
"""What lies below is a store's own, such as temporary files, and is never listed."""

PROBE = f"{RESERVED}probe"
"""Created once by whoever first opens the store for writing, and left there: every later opening tries to create it again."""

_AT_ONCE = 16  # requests, as many as a store's client has connections

# Control characters; the backslash, which SeaweedFS reads as a slash; surrogates, which have no UTF-8.
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """What a store says of one object without giving its bytes."""

    key: str
    size: int  # bytes
    modified: datetime  # by the store's clock, aware, UTC; some stores give whole seconds
    etag: str  # changes when the content does


class Store(Protocol):
    """Bytes under keys below one prefix, a trust domain.

    Keys are POSIX paths without a leading slash, and no key is the folder of another. Every method raises `StoreError`
    when the store cannot be reached, refuses, or is full; reading what is not there gives None.
    """

    @property
    def uri(self) -> str:
        """Absolute: `file:///…` or `s3://bucket/prefix`; `stores.open_store` gives an equal store back. No secrets in it."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the object's bytes, or None when there is none."""
        ...

    def get_range(self, key: str, start: int, length: int) -> bytes | None:
        """Return `length` bytes from `start` on, fewer at the object's end, or None when there is no object.

        `start` lies inside the object, and `length` is at least 1: what lies outside has no one answer among stores.
        """
        ...

    def info(self, key: str) -> ObjectInfo | None:
        """Return the object's size and times, or None when there is none."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write atomically if the key is absent; False, with nothing changed, if it is there.

        Of any number of writers at once, wherever they are, exactly one gets True. Writers of equal bytes are one
        writer where an answer was lost on the way: claims and records name their writer, and so never are equal.
        """
        ...

    def put(self, key: str, data: bytes) -> None:
        """Write atomically, replacing what is there: readers see the old bytes or the new, never a mixture."""
        ...

    def upload(self, key: str, path: Path) -> None:
        """Write a local file of any size atomically, replacing what is there."""
        ...

    def download(self, key: str, path: Path) -> None:
        """Read an object of any size into a local file, atomically; parents are made. A missing key is a StoreError."""
        ...

    def keys(self, prefix: str) -> Iterator[ObjectInfo]:
        """List every object whose key starts with `prefix`, once, page by page. A folder is given with its slash.

        No order is promised: AWS and MinIO list by bytes, SeaweedFS folder by folder, S3 Express as it likes.
        """
        ...

    def children(self, prefix: str) -> list[str]:
        """Return the distinct next path segments below the folder `prefix` (with its slash), sorted.

        A folder that was emptied may still be named for a while: SeaweedFS and killed writers leave such.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""
        ...


def at_once(request: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield what a request gives for each item, in order; many are under way at once."""
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        yield from threads.map(request, items)  # raises what a request raised


def delete_all(store: Store, keys: Iterable[str]) -> None:
    """Remove objects, many at once, in no order."""
    for _ in at_once(store.delete, keys):
        pass


def check_key(key: str) -> str:
    """Return the key.

    Raises:
        BugError: it could escape the prefix, or stores would disagree on what it names.

    """
    if _UNSPEAKABLE.search(key) or any(segment in ("", ".", "..") for segment in key.split("/")):
        raise BugError(
            f"key {key!r}",
            "found an empty, dotted or unspeakable path segment, expected a relative POSIX path",
            "Please report this.",
        )
    return key


def check_prefix(prefix: str) -> str:
    """Return the prefix of keys, which may be empty, end in a slash or end within a segment.

    Raises:
        BugError: no key could start with it.

    """
    folder = prefix.rpartition("/")[0]
    if folder or prefix.startswith("/"):
        check_key(folder)
    return prefix


def check_folder(prefix: str) -> str:
    """Return the prefix of a folder: empty, or ending in a slash.

    Raises:
        BugError: it is no folder.

    """
    if prefix and not prefix.endswith("/"):
        raise BugError(
            f"prefix {prefix!r}", "found no slash at its end, expected a folder", "Please report this."
        )
    return check_prefix(prefix)


def check_creates_once(store: Store) -> None:
    """Refuse a store that overwrites where it should refuse to. One request, but for the first opening ever.

    Raises:
        StoreError: conditional creation is not honoured, or the store refuses to be written to.

    """
    content = b"Says that this store honours conditional creation.\n"
    if store.create(PROBE, content) and store.create(PROBE, content):
        raise StoreError(
            store.uri,
            "found that it overwrites objects despite `If-None-Match: *`, expected conditional PUT",
            "Use a store that has it: AWS S3, MinIO, SeaweedFS 4.17 or later, or a folder.",
        )
