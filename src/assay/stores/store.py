"""The port: what assay needs of an object store. One contract suite holds for every implementation."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class ObjectInfo:
    """What a store says of one object without giving its bytes."""

    key: str
    size: int  # bytes
    modified: datetime  # by the store's clock, aware, UTC
    etag: str  # changes when the content does


class Store(Protocol):
    """Bytes under keys below one prefix, a trust domain.

    Keys are POSIX paths without a leading slash. Every method raises `StoreError` when the store cannot be reached,
    refuses, or is full; reading what is not there gives None.
    """

    @property
    def uri(self) -> str:
        """Absolute: `file:///…` or `s3://bucket/prefix`; `stores.open_store` gives an equal store back. No secrets in it."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the object's bytes, or None when there is none."""
        ...

    def info(self, key: str) -> ObjectInfo | None:
        """Return the object's size and times, or None when there is none."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Write atomically if the key is absent; False, with nothing changed, if it is there.

        Of any number of writers at once, wherever they are, exactly one gets True.
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
        """List every object whose key starts with `prefix`, in order of key. A folder is given with its slash."""
        ...

    def children(self, prefix: str) -> list[str]:
        """Return the distinct next path segments below the folder `prefix` (with its slash), sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is no error."""
        ...
