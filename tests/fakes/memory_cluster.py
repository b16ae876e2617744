"""An API server in memory, as far as `ClusterApi` asks: what it refuses, and what it keeps, the real one refuses and keeps.

Nothing happens in it by itself. Its garbage collector goes round when it is told to, as late as a test wants, and what a watch
would tell is told when it is asked for.
"""

import itertools
import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from assay.adapters.watched import Watched
from assay.workloads.names import MANAGED_BY, MANAGER

Plain = dict[str, Any]

_KINDS = frozenset({"jobs", "rayjobs", "pytorchjobs", "trainjobs", "experiments", "pods"})
_OK, _CREATED, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 200, 201, 403, 404, 409


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Plain

    def read(self) -> bytes:
        return json.dumps(self.body).encode()


class MemoryCluster:
    """Stands where the official client does."""

    def __init__(self) -> None:
        self.objects: dict[str, Plain] = {}
        self.before_change: Callable[[], None] = lambda: None  # called once, before the next change
        self.forbidden: set[str] = set()  # namespaces of which whoever asks may know nothing
        self._untold: list[tuple[str, Plain]] = []
        self._versions = itertools.count(1)

    def param_serialize(self, verb: str, path: str, **request: Any) -> tuple[Any, ...]:
        return verb, path, dict(request.get("query_params") or ()), None, None

    def call_api(self, verb: str, path: str, query: Plain, body: Any, **_: Any) -> _Answer:
        if any(f"/namespaces/{namespace}/" in path for namespace in self.forbidden):
            return _refused(_FORBIDDEN, path)
        if verb == "GET":
            return self._got(path, query)
        between, self.before_change = self.before_change, lambda: None
        between()
        change = {"POST": self._post, "PATCH": self._patch, "DELETE": self._delete}[verb]
        return change(path, query, deepcopy(body))

    def collect(self) -> None:
        """Delete what had owners and has none that is there any more; the others lose those that are gone."""
        there = {found["metadata"]["uid"] for found in self.objects.values()}
        for path, found in list(self.objects.items()):
            owners = found["metadata"].get("ownerReferences", [])
            left = [owner for owner in owners if owner["uid"] in there]
            if owners and not left:
                self._gone(path)
            elif left != owners:
                self._keep(path, {**found, "metadata": {**found["metadata"], "ownerReferences": left}})

    def tell(self, watched: Watched) -> None:
        """Let a watch tell all that happened to workloads since it told last."""
        for verb, found in self._untold:
            if found["metadata"].get("labels", {}).get(MANAGED_BY) != MANAGER:
                continue
            if verb == "DELETED":
                metadata = found["metadata"]
                watched.forget(found["kind"], metadata["namespace"], metadata["name"])
            else:
                watched.keep(found)
        self._untold.clear()

    def all(self, *kinds: str) -> Iterable[tuple[str, Plain]]:
        """Yield paths and objects of some kinds."""
        return [(path, found) for path, found in self.objects.items() if found["kind"] in kinds]

    def remove(self, path: str) -> None:
        """Do as somebody who deletes an object."""
        self._gone(path)

    def set_status(self, path: str, status: Plain) -> None:
        """Do as the object's controller."""
        self._keep(path, {**self.objects[path], "status": status})

    def _got(self, path: str, query: Plain) -> _Answer:
        if path in self.objects:
            return _Answer(_OK, deepcopy(self.objects[path]))
        head, _, last = path.rpartition("/")
        if path.count("/") == 3 and path.startswith("/apis/"):
            return _Answer(_OK, {"resources": [{"name": name} for name in _KINDS]})
        if last in _KINDS:
            wanted = [item.split("=") for item in query.get("labelSelector", "").split(",") if item]
            found = [item for key, item in self.objects.items() if key.rpartition("/")[0] == path]
            chosen = [
                item
                for item in found
                if all(item["metadata"].get("labels", {}).get(name) == value for name, value in wanted)
            ]
            return _Answer(_OK, {"items": deepcopy(chosen)})
        return _refused(_NOT_FOUND, head)

    def _post(self, path: str, query: Plain, body: Plain) -> _Answer:
        about = body["metadata"]
        if "name" not in about:
            body["metadata"] = {**about, "name": f"{about['generateName']}{next(self._versions)}"}
        place = f"{path}/{body['metadata']['name']}"
        if place in self.objects:
            return _refused(_CONFLICT, place)
        if "dryRun" in query:
            return _Answer(_CREATED, body)
        namespace = path.split("/namespaces/")[1].split("/", maxsplit=1)[0]
        about = {**body["metadata"], "namespace": namespace, "uid": f"uid-{next(self._versions)}"}
        return _Answer(_CREATED, self._keep(place, {**body, "metadata": about}))

    def _patch(self, path: str, _query: Plain, body: Plain) -> _Answer:
        place = path.removesuffix("/status")
        found = self.objects.get(place)
        if found is None:
            return _refused(_NOT_FOUND, place)
        version = body.get("metadata", {}).get("resourceVersion")
        if version not in (None, found["metadata"]["resourceVersion"]):
            return _refused(_CONFLICT, place)
        mine = {"status"} if path != place else set(body) - {"status"}
        merged = _merged(found, {name: value for name, value in body.items() if name in mine})
        return _Answer(_OK, self._keep(place, merged))

    def _delete(self, path: str, _query: Plain, body: Plain) -> _Answer:
        found = self.objects.get(path)
        if found is None:
            return _refused(_NOT_FOUND, path)
        if any(found["metadata"][name] != value for name, value in body["preconditions"].items()):
            return _refused(_CONFLICT, path)
        self._gone(path)
        return _Answer(_OK, {"kind": "Status"})

    def _keep(self, path: str, found: Plain) -> Plain:
        about = {**found["metadata"], "resourceVersion": str(next(self._versions))}
        self.objects[path] = {**found, "metadata": about}
        self._untold.append(("MODIFIED", self.objects[path]))
        return deepcopy(self.objects[path])

    def _gone(self, path: str) -> None:
        self._untold.append(("DELETED", self.objects.pop(path)))


def _merged(value: Any, patch: Any) -> Any:
    """Merge a patch as RFC 7396 says."""
    if not isinstance(patch, dict):
        return patch
    kept = dict(value) if isinstance(value, dict) else {}
    for name, item in patch.items():
        if item is None:
            kept.pop(name, None)
        else:
            kept[name] = _merged(kept.get(name), item)
    return kept


def _refused(status: int, path: str) -> _Answer:
    return _Answer(status, {"message": path})
