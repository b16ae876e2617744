"""What a watch has told of workloads: a slim copy of each, kept by whoever watches, read by whoever decides."""

import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

Plain = dict[str, Any]

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "annotations",
    "ownerReferences",
    "deletionTimestamp",
)
_Key = tuple[str, str, str]  # kind, namespace, name
_SPEC = ("suspend", "runPolicy")  # where the foreign kinds say that they are suspended


class _Copy(NamedTuple):
    """An object as it was told last."""

    packed: bytes  # JSON: a tenth of what dictionaries take, and there may be tens of thousands
    uid: str
    version: int
    owners: tuple[str, ...]  # UIDs
    told_at: float

    def unpacked(self) -> Plain:
        found: Plain = orjson.loads(self.packed)
        return found


class Watched:
    """Workloads by kind, namespace and name. Several threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._copies: dict[_Key, _Copy] = {}
        self._owned: dict[str, set[_Key]] = {}  # by the UIDs of their owners
        self._heard: dict[_Key, bytes] = {}  # digests of what the watch told last, or of what was made here
        self._lock = threading.Lock()

    def keep(self, found: Plain) -> None:
        """Take note of how an object is now."""
        copy = self._copy(_slim(found))
        with self._lock:
            self._keep(_key(found), copy)

    def made(self, found: Plain) -> None:
        """Take note of an object that was made here, which is no news when the watch tells of it."""
        slim = _slim(found)
        key, copy, now = _key(found), self._copy(slim), _looked_at(slim)
        with self._lock:
            self._keep(key, copy)
            self._heard.setdefault(key, now)

    def hear(self, found: Plain) -> bool:
        """Take note of what the watch tells; return whether anything changed that anybody looks at."""
        slim = _slim(found)
        key, copy, now = _key(found), self._copy(slim), _looked_at(slim)
        with self._lock:
            self._keep(key, copy)
            before = self._heard.get(key)
            self._heard[key] = now
        return before != now

    def forget(self, kind: str, namespace: str, name: str) -> Plain | None:
        """Take note that an object is gone; return how it was."""
        key = (kind, namespace, name)
        with self._lock:
            self._heard.pop(key, None)
            known = self._copies.pop(key, None)
            if known is not None:
                self._disown(key, known)
        return None if known is None else known.unpacked()

    def get(self, kind: str, namespace: str, name: str, *, fresh_seconds: float) -> Plain | None:
        """Return an object as last told, if that is not longer ago."""
        known = self._copies.get((kind, namespace, name))
        if known is None or self._clock() - known.told_at > fresh_seconds:
            return None
        return known.unpacked()

    def owned(self, namespace: str, uid: str) -> Iterator[Plain]:
        """Yield the objects in a namespace of which the object with this UID is an owner."""
        with self._lock:
            copies = [self._copies[key] for key in self._owned.get(uid, ()) if key[1] == namespace]
        yield from (copy.unpacked() for copy in copies)

    def _copy(self, slim: Plain) -> _Copy:
        metadata = slim["metadata"]
        return _Copy(
            packed=bytes(memoryview(orjson.dumps(slim))),  # orjson's own bytes hold on to its whole buffer
            uid=metadata["uid"],
            version=int(metadata["resourceVersion"]),
            owners=tuple(owners(slim)),
            told_at=self._clock(),
        )

    def _keep(self, key: _Key, copy: _Copy) -> None:
        known = self._copies.get(key)
        if known is not None:
            if copy.uid == known.uid and copy.version < known.version:
                return  # an answer that came late
            self._disown(key, known)
        self._copies[key] = copy
        for uid in copy.owners:
            self._owned.setdefault(uid, set()).add(key)

    def _disown(self, key: _Key, known: _Copy) -> None:
        for uid in known.owners:
            others = self._owned.get(uid, set())
            others.discard(key)
            if not others:
                self._owned.pop(uid, None)


def owners(found: Plain) -> list[str]:
    """Return the UIDs of an object's owners."""
    return [reference["uid"] for reference in found["metadata"].get("ownerReferences", ())]


def _slim(found: Plain) -> Plain:
    return {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {name: found["metadata"][name] for name in _METADATA if name in found["metadata"]},
        "spec": {name: found["spec"][name] for name in _SPEC if name in found.get("spec", {})},
        "status": found.get("status") or {},
    }


def _looked_at(slim: Plain) -> bytes:
    """Return a digest of all but the version, which changes also when nothing else in the copy does."""
    metadata = {name: value for name, value in slim["metadata"].items() if name != "resourceVersion"}
    return sha256(orjson.dumps({**slim, "metadata": metadata}, option=orjson.OPT_SORT_KEYS)).digest()


def _key(found: Plain) -> _Key:
    return found["kind"], found["metadata"]["namespace"], found["metadata"]["name"]
