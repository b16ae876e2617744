"""What a store holds that nobody relies on, and how it goes: the record first, so that no half of a stage is ever taken for the whole.

Kept are stages that an experiment uses or a pin names, those that a kept one reads, the young, and those that somebody tries just now.
Of a kept stage that is done, what other attempts wrote than the one that its record names may go too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from assay.artifacts.documents import ARTIFACT, ArtifactRef
from assay.artifacts.layout import record_key, stage_document_key, stage_key
from assay.stores.claims import read_stage
from assay.stores.records import load_record
from assay.stores.resume import drop_resume
from assay.stores.store import ObjectInfo, Store, at_once, delete_all
from assay.stores.uses import Pinned, is_used, uses

# An attempt without a sign of life for so long, by any clock, is not there any more.
_ALIVE = timedelta(minutes=10)

_BATCH = 16  # stages that go together; with more of them, a pin had longer to come too late for a record


class Kept(StrEnum):
    """Why a stage stays."""

    USED = "used"
    PINNED = "pinned"
    READ = "read by one that stays"
    TRIED = "tried just now"
    YOUNG = "young"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What lies in one stage's folder."""

    ref: ArtifactRef
    objects: tuple[ObjectInfo, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(info.size for info in self.objects)

    @property
    def modified(self) -> datetime:
        """When anything was last written, by the store's clock."""
        return max(info.modified for info in self.objects)

    @property
    def is_declared(self) -> bool:
        """Whether it says what it is."""
        return any(info.key == stage_document_key(self.ref) for info in self.objects)

    @property
    def written(self) -> Mapping[int, tuple[ObjectInfo, ...]]:
        """What each attempt wrote."""
        found: dict[int, list[ObjectInfo]] = {}
        for info in self.objects:
            _, _, number, name, *_ = f"{info.key.removeprefix(stage_key(self.ref))}////".split("/")
            if name == "data" and number.isdecimal():
                found.setdefault(int(number), []).append(info)
        return {number: tuple(objects) for number, objects in found.items()}

    def is_tried(self, now: datetime) -> bool:
        """Say whether an attempt may be under way: neither record nor failure, and a sign of life of late."""
        times = {info.key: info.modified for info in self.objects}
        if record_key(self.ref) in times:
            return False
        folder = f"{stage_key(self.ref)}/attempts/"
        numbers = {key.removeprefix(folder).partition("/")[0] for key in times if key.startswith(folder)}
        return any(
            f"{folder}{number}/failure.json" not in times
            and any(
                times[key] > now - _ALIVE
                for name in ("attempt", "heartbeat", "progress")
                if (key := f"{folder}{number}/{name}.json") in times
            )
            for number in numbers
        )


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All stages of a store, and who relies on which."""

    stages: Mapping[ArtifactRef, Stored]
    used: AbstractSet[str]  # fingerprints
    pinned: AbstractSet[str]  # fingerprints


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """What may go, and why the rest stays."""

    stages: tuple[Stored, ...]
    kept: Mapping[ArtifactRef, Kept] = field(default_factory=dict)
    leftovers: tuple[ObjectInfo, ...] = ()  # of attempts that came to nothing, in stages that stay


@dataclass(frozen=True)
class Documents:
    """What stages say of themselves, read where the question takes it."""

    store: Store

    def reads(self, refs: Iterable[ArtifactRef]) -> Iterator[tuple[ArtifactRef, ...]]:
        """Yield what each stage reads."""
        for document in at_once(lambda ref: read_stage(self.store, ref), refs):
            yield tuple(map(ArtifactRef, document.reads))

    def winner(self, ref: ArtifactRef) -> int | None:
        """Return the attempt that a stage's record names; None while it is not done."""
        record = load_record(self.store, ref)
        return None if record is None else record.provenance.attempt


def survey(store: Store, pinned: Pinned) -> Survey:
    """List everything that the question takes: one request per thousand objects."""
    found: dict[ArtifactRef, list[ObjectInfo]] = {}
    for info in store.keys("stages/"):
        _, kind, fingerprint, *_ = f"{info.key}///".split("/")
        if ARTIFACT.fullmatch(name := f"{kind}/{fingerprint}"):
            found.setdefault(ArtifactRef(name), []).append(info)
    stages = {ref: Stored(ref=ref, objects=tuple(objects)) for ref, objects in found.items()}
    return Survey(stages=stages, used=uses(store).keys(), pinned=pinned.now())


def garbage(seen: Survey, store: Documents, *, now: datetime, spared: timedelta) -> Garbage:
    """Say what may go; `spared` is for how long a stage is young after anything was written to it."""
    kept = dict(_kept(seen, now, spared))
    new = set(kept)
    while new:
        declared = [ref for ref in new if seen.stages[ref].is_declared]
        new = {read for reads in store.reads(declared) for read in reads if read in seen.stages} - kept.keys()
        kept |= dict.fromkeys(new, Kept.READ)
    gone = [stored for ref, stored in seen.stages.items() if ref not in kept]
    left = [
        info
        for ref in sorted(kept)
        if len(written := seen.stages[ref].written) > 1 and (winner := store.winner(ref)) is not None
        for number, objects in written.items()
        for info in objects
        if number != winner and info.modified <= now - spared
    ]
    return Garbage(
        stages=tuple(sorted(gone, key=lambda stored: stored.ref)), kept=kept, leftovers=tuple(left)
    )


def remove(store: Store, stages: Sequence[Stored], pinned: Pinned) -> Iterator[Stored]:
    """Remove stages, and yield those that went: not what somebody has come to rely on, to pin or to try, of which at most the record is gone.

    Killed at any moment it leaves stages that are not done; the next sweep finds and ends them.
    """
    for at in range(0, len(stages), _BATCH):
        yield from _removed(store, stages[at : at + _BATCH], pinned)


def _removed(store: Store, batch: Sequence[Stored], pinned: Pinned) -> list[Stored]:
    going = _unwanted(store, batch, pinned)
    delete_all(store, [record_key(stored.ref) for stored in going])
    listed = at_once(lambda stored: [info.key for info in store.keys(f"{stage_key(stored.ref)}/")], going)
    left = {stored.ref: keys for stored, keys in zip(going, listed, strict=True)}
    # Who pinned, uses or tries a stage before this, however short a time, keeps it; who does later finds no record.
    going = [stored for stored in _unwanted(store, going, pinned) if not _is_tried_anew(stored, left)]
    for stored in going:
        drop_resume(store, stored.ref)
    # Claims go last but one: while there is one, nobody takes its number for another attempt into the same folder.
    declared = {stage_document_key(stored.ref) for stored in going}
    keys = [key for stored in going for key in left[stored.ref] if key not in declared]
    delete_all(store, [key for key in keys if not _is_claim(key)])
    delete_all(store, [key for key in keys if _is_claim(key)])
    delete_all(store, declared)
    return going


def _unwanted(store: Store, stages: Sequence[Stored], pinned: Pinned) -> list[Stored]:
    """Return those that nobody relies on and nobody has pinned now."""
    used = at_once(lambda stored: is_used(store, stored.ref.fingerprint), stages)
    free = [stored for stored, is_so in zip(stages, used, strict=True) if not is_so]
    kept = pinned.now()
    return [stored for stored in free if stored.ref.fingerprint not in kept]


def _is_tried_anew(stored: Stored, left: Mapping[ArtifactRef, Sequence[str]]) -> bool:
    known = {info.key for info in stored.objects}
    return any(_is_claim(key) and key not in known for key in left[stored.ref])


def _is_claim(key: str) -> bool:
    return key.endswith("/attempt.json")


def _kept(seen: Survey, now: datetime, spared: timedelta) -> Iterator[tuple[ArtifactRef, Kept]]:
    for ref, stored in seen.stages.items():
        if ref.fingerprint in seen.pinned:
            yield ref, Kept.PINNED
        elif ref.fingerprint in seen.used:
            yield ref, Kept.USED
        elif stored.is_tried(now):
            yield ref, Kept.TRIED
        elif stored.modified > now - spared:
            yield ref, Kept.YOUNG
