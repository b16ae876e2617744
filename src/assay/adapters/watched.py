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
_SPEC = ("suspend", "runPolicy")  # where the foreign kinds say that they are suspended


class Watched:
    """Workloads by kind, namespace and name. Several threads may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._objects: dict[tuple[str, str, str], tuple[Plain, float]] = {}  # and when it was told
        self._lock = threading.Lock()

    def keep(self, found: Plain) -> None:
        """Take note of how an object is now."""
        slim = {
            "apiVersion": found["apiVersion"],
            "kind": found["kind"],
            "metadata": {name: found["metadata"][name] for name in _METADATA if name in found["metadata"]},
            "spec": {name: found["spec"][name] for name in _SPEC if name in found.get("spec", {})},
            "status": found.get("status") or {},
        }
        with self._lock:
            known, _ = self._objects.get(_key(found), (None, 0.0))
            if known is None or not _is_older(slim, known):
                self._objects[_key(found)] = slim, self._clock()

    def forget(self, kind: str, namespace: str, name: str) -> None:
        """Take note that an object is gone."""
        with self._lock:
            self._objects.pop((kind, namespace, name), None)

    def get(self, kind: str, namespace: str, name: str, *, fresh_seconds: float) -> Plain | None:
        """Return an object as last told, if that is not longer ago."""
        found, told_at = self._objects.get((kind, namespace, name), (None, 0.0))
        return found if self._clock() - told_at <= fresh_seconds else None

    def owned(self, namespace: str, uid: str) -> Iterator[Plain]:
        """Yield the objects in a namespace of which the object with this UID is an owner."""
        with self._lock:
            objects = [found for found, _ in self._objects.values()]
        for item in objects:
            if item["metadata"]["namespace"] == namespace and uid in owners(item):
                yield item


def owners(found: Plain) -> list[str]:
    """Return the UIDs of an object's owners."""
    return [reference["uid"] for reference in found["metadata"].get("ownerReferences", ())]


def _is_older(found: Plain, known: Plain) -> bool:
    """Whether an answer that came late tells of an earlier state of the same object."""
    new, old = found["metadata"], known["metadata"]
    return new["uid"] == old["uid"] and int(new["resourceVersion"]) < int(old["resourceVersion"])


def _key(found: Plain) -> tuple[str, str, str]:
    return found["kind"], found["metadata"]["namespace"], found["metadata"]["name"]
