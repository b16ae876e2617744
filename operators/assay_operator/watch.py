"""What is followed, and what it means: keys in the queue, and slim copies of workloads."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from assay.adapters.cluster_api import path_of
from assay.adapters.remembered import Remembered
from assay.adapters.watched import Watched
from assay.api.experiment import GROUP, VERSION
from assay.artifacts.canonical import digest
from assay.control.freeze import REPLAN
from assay.settings.in_cluster import DEFAULT_PROFILE, RETRY
from assay.workloads.carrier import CARRIERS
from assay.workloads.names import MANAGED_BY, MANAGER, owning_experiments
from assay_operator.informer import Collection, Followed
from assay_operator.queue import Key

Plain = dict[str, Any]

_API_VERSION = f"{GROUP}/{VERSION}"
_OVER = frozenset({"Succeeded", "Failed"})
_LATER_SECONDS = 600.0  # within which those are looked after that seem to be over


class Ears:
    """Keeps `watched` up to date, and wakes whom a change concerns, in so many seconds. One thread at a time tells it."""

    def __init__(
        self,
        watched: Watched,
        remembered: Remembered,
        has_told: Callable[[Key, Plain], bool],
        wake: Callable[[Key, float], object],
    ) -> None:
        self._watched = watched
        self._remembered = remembered
        self._has_told = has_told
        self._wake = wake
        self._known: dict[Key, tuple[str, str]] = {}  # experiment → its profile, a digest of what it asks
        self._over: set[Key] = set()  # experiments whose status says that nothing is left to do
        self._profiles: set[Key] = set()  # that were told of

    def followed(self, namespaces: Sequence[str]) -> list[Followed]:
        """Say what to listen to, in some namespaces or, where none is named, in all."""
        among: Sequence[str | None] = namespaces or [None]
        ours = [
            ("Experiment", "experiments", self.experiment),
            ("Profile", "profiles", self.profile),
            ("Approval", "approvals", self.approval),
        ]
        kinds = [(_API_VERSION, kind, plural, "", tell) for kind, plural, tell in ours]
        kinds += [
            (carrier.api_version, carrier.kind, carrier.plural, f"{MANAGED_BY}={MANAGER}", self.workload)
            for carrier in CARRIERS
        ]
        return [
            Followed(
                Collection(
                    path=path_of(api_version, plural, namespace),
                    api_version=api_version,
                    kind=kind,
                    selector=selector,
                ),
                tell,
            )
            for api_version, kind, plural, selector, tell in kinds
            for namespace in among
        ]

    def experiment(self, found: Plain, *, there: bool) -> None:
        """Wake it if anything changed but what a wake-up wrote itself: its status, unless somebody else wrote that."""
        key = _key(found)
        self._over.discard(key)
        if not there:
            self._known.pop(key, None)
            self._wake(key, 0.0)
            return
        metadata, status = found["metadata"], found.get("status", {})
        if _is_over(metadata, status):
            self._over.add(key)
        asked = [metadata.get(name) for name in ("uid", "generation", "annotations", "deletionTimestamp")]
        now = (found["spec"].get("profile", DEFAULT_PROFILE), digest("asked", asked))
        before = self._known.get(key)
        self._known[key] = now
        if before is None:
            self._wake(key, self._after(key))
        elif before != now or not self._has_told(key, status):
            self._wake(key, 0.0)

    def all(self) -> list[tuple[Key, float]]:
        """Return every experiment, and in how many seconds to wake it where nothing has been done yet.

        Those that are over, thousands maybe, come after all others, for each is read whole.
        """
        return [(key, self._after(key)) for key in list(self._known)]

    def profile(self, found: Plain, *, there: bool) -> None:
        """Wake the experiments that are run by it; that it is there is no news for those that are over."""
        named = _key(found)
        unconcerned = set() if named in self._profiles else self._over
        if there:
            self._profiles.add(named)
        else:
            self._profiles.discard(named)
        self._remembered.forget((path_of(_API_VERSION, "profiles", named.namespace, named.name),))
        for key, (profile, _) in self._known.items():
            if (key.namespace, profile) == (named.namespace, named.name) and key not in unconcerned:
                self._wake(key, 0.0)

    def approval(self, found: Plain, *, there: bool) -> None:  # noqa: ARG002 -- a Tell
        """Wake the experiment of its name, unless that is over."""
        if (key := _key(found)) not in self._over:
            self._wake(key, 0.0)

    def workload(self, found: Plain, *, there: bool) -> None:
        """Wake its owners that are not over, unless they made it so themselves."""
        owners = owning_experiments(found)
        if there:
            is_news = self._watched.hear(found)
        else:
            gone = self._watched.forget(found["kind"], *_place(found))
            is_news, owners = True, owners or owning_experiments(gone or {})
        if is_news:
            for name in owners:
                key = Key(namespace=found["metadata"]["namespace"], name=name)
                if key not in self._over:
                    self._wake(key, 0.0)

    def _after(self, key: Key) -> float:
        return random.uniform(0, _LATER_SECONDS) if key in self._over else 0.0  # noqa: S311 -- jitter


def _is_over(metadata: Plain, status: Plain) -> bool:
    """Whether a status says that nothing is left to do, and nobody has asked for anything again."""
    if status.get("phase") not in _OVER or status.get("observedGeneration") != metadata.get("generation"):
        return False
    return {RETRY, REPLAN}.isdisjoint(metadata.get("annotations", {}))


def _key(found: Plain) -> Key:
    namespace, name = _place(found)
    return Key(namespace=namespace, name=name)


def _place(found: Plain) -> tuple[str, str]:
    return found["metadata"]["namespace"], found["metadata"]["name"]
