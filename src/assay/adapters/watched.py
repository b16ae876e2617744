"""What a watch has told of workloads: a slim copy of each, kept by whoever watches, read by whoever decides."""

import threading
from collections.abc import Iterator
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

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str, str], Plain] = {}
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
            self._objects[_key(found)] = slim

    def drop(self, found: Plain) -> None:
        """Take note that an object is gone."""
        with self._lock:
            self._objects.pop(_key(found), None)

    def get(self, kind: str, namespace: str, name: str) -> Plain | None:
        """Return an object as last told."""
        return self._objects.get((kind, namespace, name))

    def owned(self, namespace: str, uid: str) -> Iterator[Plain]:
        """Yield the objects in a namespace of which the object with this UID is an owner."""
        with self._lock:
            objects = list(self._objects.values())
        for item in objects:
            if item["metadata"]["namespace"] == namespace and uid in owners(item):
                yield item


def owners(found: Plain) -> list[str]:
    """Return the UIDs of an object's owners."""
    return [reference["uid"] for reference in found["metadata"].get("ownerReferences", ())]


def _key(found: Plain) -> tuple[str, str, str]:
    return found["kind"], found["metadata"]["namespace"], found["metadata"]["name"]
