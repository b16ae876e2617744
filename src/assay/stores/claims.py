"""Who tries which stage, and how it goes.

An attempt is claimed before its workload is made, by whoever launches it; its program shows signs of life; a failure is
a file. Attempt numbers live here and nowhere else, so every launcher of a trust domain agrees on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from assay.artifacts.documents import (
    ArtifactRef,
    Attempt,
    Failure,
    Heartbeat,
    Progress,
    StageDocument,
)
from assay.artifacts.layout import (
    attempt_key,
    claim_key,
    failure_key,
    heartbeat_key,
    progress_key,
    stage_document_key,
    stage_key,
    use_key,
)
from assay.errors import BugError, StoreError
from assay.stores.documents import read_document
from assay.stores.store import ObjectInfo, Store


@dataclass(frozen=True, kw_only=True)
class AttemptState:
    """What the store says of one attempt."""

    number: int
    attempt: Attempt
    last_sign_of_life: datetime  # of the claim or the heartbeat, by the store's clock
    started: bool  # its program showed a sign of life
    failure: Failure | None
    began: datetime  # it waited until then at the latest, by the store's clock
    ended: datetime | None  # its failure was told then


def declare_stage(store: Store, stage: StageDocument) -> None:
    """Write `stage.json`, unless it is there.

    Raises:
        BugError: another stage is there, which would need two identities with one fingerprint.

    """
    key = stage_document_key(stage.ref)
    if not store.create(key, stage.encode()):
        existing = read_document(store, key, StageDocument)
        if existing is not None and existing != stage:
            raise BugError(
                f"stage {stage.ref}",
                f"found the stage.json of {existing.ref} in its place",
                "Please report this.",
            )


def read_stage(store: Store, ref: ArtifactRef) -> StageDocument:
    """Return the stage's identity.

    Raises:
        StoreError: it was never declared.
        BugError: it is that of another stage.

    """
    stage = read_document(store, stage_document_key(ref), StageDocument)
    if stage is None:
        raise _undeclared(store, stage_document_key(ref), "stage")
    if stage.ref != ref:
        raise BugError(f"stage {ref}", f"found a stage.json of {stage.ref}", "Please report this.")
    return stage


def declare_use(store: Store, ref: ArtifactRef, experiment: str) -> None:
    """Say that an experiment (`<namespace>/<name>`) relies on the stage, so that `gc` keeps it."""
    store.create(use_key(ref, experiment), b"")


def claim(store: Store, ref: ArtifactRef, attempt: Attempt) -> bool:
    """Claim one try at a stage; False if somebody else has that number.

    The attempt names its owner and the time, so that no two claims are equal.
    """
    return store.create(claim_key(ref, attempt.number), attempt.encode())


def renew(store: Store, ref: ArtifactRef, attempt: Attempt) -> None:
    """Show that an attempt which has not started yet is still wanted: its claim is as young as if it were made now."""
    store.put(claim_key(ref, attempt.number), attempt.encode())


def read_claim(store: Store, ref: ArtifactRef, number: int) -> Attempt:
    """Return the claim on an attempt.

    Raises:
        StoreError: nobody claimed it.

    """
    attempt = read_document(store, claim_key(ref, number), Attempt)
    if attempt is None:
        raise _undeclared(store, claim_key(ref, number), "claim")
    return attempt


def attempts(store: Store, ref: ArtifactRef) -> list[AttemptState]:
    """Return all attempts at a stage, in order of number."""
    return attempts_in(store, ref, listing(store, ref))


def listing(store: Store, ref: ArtifactRef) -> Mapping[str, ObjectInfo]:
    """Return all that lies in a stage's folder, by key, in one request per thousand objects."""
    return {info.key: info for info in store.keys(f"{stage_key(ref)}/")}


def attempts_in(store: Store, ref: ArtifactRef, listed: Mapping[str, ObjectInfo]) -> list[AttemptState]:
    """Return all attempts at a stage whose folder was listed, in order of number."""
    folder = attempt_key(ref, 0).removesuffix("0")
    names = {key.removeprefix(folder).partition("/")[0] for key in listed if key.startswith(folder)}
    states = (_state(store, ref, int(name), listed) for name in names if name.isdecimal())
    return sorted((state for state in states if state is not None), key=lambda state: state.number)


def beat(store: Store, ref: ArtifactRef, number: int, now: datetime) -> None:
    """Show a sign of life."""
    store.put(heartbeat_key(ref, number), Heartbeat(at=now).encode())


def write_progress(store: Store, ref: ArtifactRef, number: int, progress: Progress) -> None:
    """Say what the attempt does now."""
    store.put(progress_key(ref, number), progress.encode())


def read_progress(store: Store, ref: ArtifactRef, number: int) -> Progress | None:
    """Return what the attempt said it was doing, or None before it says anything."""
    return read_document(store, progress_key(ref, number), Progress)


def fail(store: Store, ref: ArtifactRef, number: int, failure: Failure) -> Failure:
    """Say why an attempt ended without a record. The first to say so counts, and what it said is returned."""
    if store.create(failure_key(ref, number), failure.encode()):
        return failure
    return read_document(store, failure_key(ref, number), Failure) or failure


def read_failure(store: Store, ref: ArtifactRef, number: int) -> Failure | None:
    """Return why an attempt ended without a record, or None where nothing was said."""
    return read_document(store, failure_key(ref, number), Failure)


def go_on(store: Store, ref: ArtifactRef, number: int) -> None:
    """Take back what was said of an attempt's end: a queue's manager stopped what carries it, and now runs it again."""
    store.delete(failure_key(ref, number))


def _state(
    store: Store, ref: ArtifactRef, number: int, listed: Mapping[str, ObjectInfo]
) -> AttemptState | None:
    claimed, beating = listed.get(claim_key(ref, number)), listed.get(heartbeat_key(ref, number))
    attempt = read_document(store, claimed.key, Attempt) if claimed is not None else None
    if claimed is None or attempt is None:  # a folder without a claim is what gc left
        return None
    failed = listed.get(failure_key(ref, number))
    return AttemptState(
        number=number,
        attempt=attempt,
        last_sign_of_life=claimed.modified if beating is None else max(claimed.modified, beating.modified),
        started=beating is not None,
        failure=read_document(store, failed.key, Failure) if failed is not None else None,
        began=claimed.modified,
        ended=None if failed is None else failed.modified,
    )


def _undeclared(store: Store, key: str, what: str) -> StoreError:
    return StoreError(f"{store.uri}/{key}", f"found no {what}, expected one", "Launch stages through assay.")
