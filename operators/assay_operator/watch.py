"""What is followed, and what it means: keys in the queue, and slim copies of workloads."""

from collections.abc import Callable, Sequence
from typing import Any

from assay.adapters.cluster_api import path_of
from assay.adapters.remembered import Remembered
from assay.adapters.watched import Watched
from assay.api.experiment import GROUP, VERSION
from assay.settings.in_cluster import DEFAULT_PROFILE
from assay.workloads.carrier import CARRIERS
from assay.workloads.names import MANAGED_BY, MANAGER, owning_experiments
from assay_operator.informer import Collection, Followed
from assay_operator.queue import Key

Plain = dict[str, Any]

_API_VERSION = f"{GROUP}/{VERSION}"


class Ears:
    """Keeps `watched` up to date, and wakes whom a change concerns. One thread at a time tells it."""

    def __init__(
        self,
        watched: Watched,
        remembered: Remembered,
        has_told: Callable[[Key, Plain], bool],
        wake: Callable[[Key], object],
    ) -> None:
        self._watched = watched
        self._remembered = remembered
        self._has_told = has_told
        self._wake = wake
        self._known: dict[Key, tuple[str, object]] = {}  # experiment → its profile, and what it asks for

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
        if not there:
            self._known.pop(key, None)
            self._wake(key)
            return
        metadata = found["metadata"]
        asked = (
            metadata["uid"],
            metadata.get("generation"),
            metadata.get("annotations"),
            metadata.get("deletionTimestamp"),
        )
        now = (found["spec"].get("profile", DEFAULT_PROFILE), asked)
        if self._known.get(key) != now or not self._has_told(key, found.get("status", {})):
            self._known[key] = now
            self._wake(key)

    def profile(self, found: Plain, *, there: bool) -> None:  # noqa: ARG002 -- a Tell
        """Wake the experiments that are run by it."""
        named = _key(found)
        self._remembered.forget((path_of(_API_VERSION, "profiles", named.namespace, named.name),))
        for key, (profile, _) in self._known.items():
            if (key.namespace, profile) == (named.namespace, named.name):
                self._wake(key)

    def approval(self, found: Plain, *, there: bool) -> None:  # noqa: ARG002 -- a Tell
        """Wake the experiment of its name."""
        self._wake(_key(found))

    def workload(self, found: Plain, *, there: bool) -> None:
        """Wake its owners, unless they made it so themselves."""
        owners = owning_experiments(found)
        if there:
            is_news = self._watched.hear(found)
        else:
            gone = self._watched.forget(found["kind"], *_place(found))
            is_news, owners = True, owners or owning_experiments(gone or {})
        if is_news:
            for name in owners:
                self._wake(Key(namespace=found["metadata"]["namespace"], name=name))


def _key(found: Plain) -> Key:
    namespace, name = _place(found)
    return Key(namespace=namespace, name=name)


def _place(found: Plain) -> tuple[str, str]:
    return found["metadata"]["namespace"], found["metadata"]["name"]
