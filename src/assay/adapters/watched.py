"""What a watch has told of workloads: a slim copy of each, kept by whoever watches, read by whoever decides."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

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


class Watched:
    """Workloads by kind, namespace and name. Several threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._objects: dict[_Key, tuple[Plain, float]] = {}  # and when it was told
        self._owned: dict[str, set[_Key]] = {}  # by the UIDs of their owners
        self._heard: dict[_Key, Plain] = {}  # as the watch told of it last, or as it was made here
        self._lock = threading.Lock()

    def keep(self, found: Plain) -> None:
        """Take note of how an object is now."""
        with self._lock:
            self._keep(_slim(found))

    def made(self, found: Plain) -> None:
        """Take note of an object that was made here, which is no news when the watch tells of it."""
        slim = _slim(found)
        with self._lock:
            self._keep(slim)
            self._heard.setdefault(_key(slim), slim)

    def hear(self, found: Plain) -> bool:
        """Take note of what the watch tells; return whether anything changed that anybody looks at."""
        slim = _slim(found)
        with self._lock:
            self._keep(slim)
            before = self._heard.get(_key(slim))
            self._heard[_key(slim)] = slim
        return before is None or _looked_at(before) != _looked_at(slim)

    def forget(self, kind: str, namespace: str, name: str) -> Plain | None:
        """Take note that an object is gone; return how it was."""
        key = (kind, namespace, name)
        with self._lock:
            self._heard.pop(key, None)
            found, _ = self._objects.pop(key, (None, 0.0))
            if found is not None:
                self._disown(key, found)
        return found

    def get(self, kind: str, namespace: str, name: str, *, fresh_seconds: float) -> Plain | None:
        """Return an object as last told, if that is not longer ago."""
        found, told_at = self._objects.get((kind, namespace, name), (None, 0.0))
        return found if self._clock() - told_at <= fresh_seconds else None

    def owned(self, namespace: str, uid: str) -> Iterator[Plain]:
        """Yield the objects in a namespace of which the object with this UID is an owner."""
        with self._lock:
            objects = [self._objects[key][0] for key in self._owned.get(uid, ())]
        yield from (item for item in objects if item["metadata"]["namespace"] == namespace)

    def _keep(self, slim: Plain) -> None:
        key = _key(slim)
        known, _ = self._objects.get(key, (None, 0.0))
        if known is not None:
            if _is_older(slim, known):
                return
            self._disown(key, known)
        self._objects[key] = slim, self._clock()
        for uid in owners(slim):
            self._owned.setdefault(uid, set()).add(key)

    def _disown(self, key: _Key, found: Plain) -> None:
        for uid in owners(found):
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


def _looked_at(slim: Plain) -> Plain:
    """All but the version, which changes also when nothing else in the copy does."""
    metadata = {name: value for name, value in slim["metadata"].items() if name != "resourceVersion"}
    return {**slim, "metadata": metadata}


def _is_older(found: Plain, known: Plain) -> bool:
    """Whether an answer that came late tells of an earlier state of the same object."""
    new, old = found["metadata"], known["metadata"]
    return new["uid"] == old["uid"] and int(new["resourceVersion"]) < int(old["resourceVersion"])


def _key(found: Plain) -> _Key:
    return found["kind"], found["metadata"]["namespace"], found["metadata"]["name"]
