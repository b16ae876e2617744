"""Who relies on which stages: uses, which a launcher declares as it goes, and pins, which somebody sets to last.

A use ends when somebody says so (`forget`): a store cannot see whether an experiment's file or its object in a cluster is still there.
Ending too many costs no more than time, since a run declares anew what it relies on, and runs again what is gone.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import Field

from assay.artifacts.canonical import digest
from assay.artifacts.documents import Document
from assay.artifacts.layout import experiment_key
from assay.stores.documents import read_document
from assay.stores.store import Store, delete_all

_USES = "uses/"
_EXPERIMENTS = "experiments/"


class Pin(Document):
    """Stages that are kept, whoever relies on them."""

    pinned_at: datetime
    stages: tuple[str, ...] = Field(description="Fingerprints, sorted.")


def uses(store: Store) -> Mapping[str, frozenset[str]]:
    """Return the experiments (`<namespace>/<name>`) that rely on each stage, by its fingerprint."""
    found: dict[str, set[str]] = {}
    for info in store.keys(_USES):
        fingerprint, _, experiment = info.key.removeprefix(_USES).partition("/")
        found.setdefault(fingerprint, set()).add(experiment)
    return {fingerprint: frozenset(names) for fingerprint, names in found.items()}


def is_used(store: Store, fingerprint: str) -> bool:
    """Say whether anybody relies on a stage now."""
    return next(iter(store.keys(f"{_USES}{fingerprint}/")), None) is not None


def forget(store: Store, experiment: str, keep: AbstractSet[str] = frozenset()) -> int:
    """End an experiment's uses of all stages but those to keep (fingerprints); return how many ended."""
    ended = [
        f"{_USES}{fingerprint}/{experiment}"
        for fingerprint, names in uses(store).items()
        if experiment in names and fingerprint not in keep
    ]
    delete_all(store, ended)
    return len(ended)


def experiments(store: Store) -> list[str]:
    """Return every experiment (`<namespace>/<name>`) of which the store has a document, sorted."""
    return [
        f"{namespace}/{name}"
        for namespace in store.children(_EXPERIMENTS)
        for name in store.children(f"{_EXPERIMENTS}{namespace}/")
    ]


def pin(store: Store, experiment: str, stages: Iterable[str], now: datetime) -> Pin:
    """Keep stages (fingerprints) until the experiment's pins are taken away; the same ones are pinned once."""
    made = Pin(pinned_at=now, stages=tuple(sorted(set(stages))))
    name = digest("assay.pin/1", list(made.stages))[:20]
    store.create(experiment_key(experiment, f"pins/{name}.json"), made.encode())
    return made


def is_pinned(store: Store, experiment: str) -> bool:
    """Say whether an experiment has pinned anything, be its pins damaged."""
    return next(iter(store.keys(_pins(experiment))), None) is not None


def pins(store: Store, experiment: str) -> list[Pin]:
    """Return an experiment's pins."""
    keys = [info.key for info in store.keys(_pins(experiment))]
    return [found for key in sorted(keys) if (found := read_document(store, key, Pin)) is not None]


@dataclass(frozen=True)
class Pinned:
    """What all experiments of a store have pinned; a pin never changes, so each is read once."""

    store: Store
    _read: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def now(self) -> frozenset[str]:
        """Return the fingerprints of the stages that are pinned now."""
        found: set[str] = set()
        for info in self.store.keys(_EXPERIMENTS):
            if info.key.split("/")[3:4] == ["pins"]:
                found.update(self._of(info.key))
        return frozenset(found)

    def _of(self, key: str) -> tuple[str, ...]:
        if key not in self._read:
            pin = read_document(self.store, key, Pin)
            self._read[key] = () if pin is None else pin.stages
        return self._read[key]


def unpin(store: Store, experiment: str) -> int:
    """Take an experiment's pins away; return how many there were."""
    keys = [info.key for info in store.keys(_pins(experiment))]
    delete_all(store, keys)
    return len(keys)


def _pins(experiment: str) -> str:
    return f"{experiment_key(experiment, 'pins')}/"
