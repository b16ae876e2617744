"""Facts of stages, read from the store only where something may have changed.

Records are immutable, and a program that runs has written nothing that matters yet; so a stage is read when it is first
seen, when what carried it has ended, and, if it runs elsewhere, at every look. Forgetting everything changes nothing.
"""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol, TypeVar

from assay.artifacts.documents import ArtifactRef, Attempt, Record
from assay.artifacts.layout import record_key
from assay.ports.backend import Backend
from assay.reconcile.facts import AttemptFact, Phase, Sight, StageFact
from assay.stores.claims import AttemptState, attempts_in, listing
from assay.stores.records import load_record, verify
from assay.stores.store import Store

_UNSEEN = Sight(phase=Phase.UNKNOWN)
T = TypeVar("T")


class Each(Protocol):
    """Does something with each item, and returns when all is done; at once or one by one."""

    def __call__(self, act: Callable[[T], object], items: Iterable[T], /) -> None:
        """Do it; what fails is raised, and what has not begun by then is left."""
        ...


def one_by_one(act: Callable[[T], object], items: Iterable[T], /) -> None:
    """Do it in order."""
    for item in items:
        act(item)


class Observer:
    """Remembers what it saw; `forget` what may have changed behind its back."""

    def __init__(self, store: Store, backend: Backend, each: Each = one_by_one) -> None:
        self._store = store
        self._backend = backend
        self._each = each
        self._facts: dict[ArtifactRef, StageFact] = {}
        self._attempts: dict[ArtifactRef, Attempt] = {}  # the latest of each stage that is not whole
        self._outputs: dict[ArtifactRef, str | None] = {}  # digests; None: found, and not whole
        self._inputs: dict[ArtifactRef, list[ArtifactRef]] = {}  # of those found whole
        self._undecided: set[ArtifactRef] = set()  # their records hold again if their inputs do
        self._records: dict[ArtifactRef, bytes] = {}  # small, until somebody takes them

    def facts(self, refs: Iterable[ArtifactRef]) -> Mapping[ArtifactRef, StageFact]:
        """Say how each stage stands now."""
        wanted = list(refs)
        self._each(self._read, [ref for ref in wanted if ref not in self._facts or ref in self._undecided])
        while doubtful := [ref for ref in wanted if self._rests_on_what_is_not_whole(ref)]:
            self._each(self._read, doubtful)
        open_ = [ref for ref in wanted if _may_run(self._facts[ref])]
        # An attempt that somebody else began since is found where the one before is seen to have ended.
        while open_:
            open_ = self._newer(open_)
        return {ref: self._facts[ref] for ref in wanted}

    def _newer(self, refs: list[ArtifactRef]) -> list[ArtifactRef]:
        """Take a look at the latest attempt of each stage; return the stages of which there was a later one, which may run."""
        sights = self._backend.sights((ref, self._attempts[ref]) for ref in refs)
        newer = []

        def see(ref: ArtifactRef) -> None:
            before = self._facts[ref].attempts[-1]
            sight = sights.get((ref, before.number), _UNSEEN)
            # What has ended has written whatever it will ever write, so the store is read after the sight.
            if sight.phase is not Phase.RUNNING and (
                sight.phase != before.phase or sight.phase is Phase.UNKNOWN or not before.mine
            ):
                self._read(ref, ended=sight.phase is Phase.ENDED)
            self._see(ref, before.number, sight)
            now = self._facts[ref]
            if _may_run(now) and now.attempts[-1].number > before.number:
                newer.append(ref)

        self._each(see, refs)
        return newer

    def forget(self, ref: ArtifactRef) -> None:
        """Read the stage anew at the next look."""
        self._facts.pop(ref, None)
        self._outputs.pop(ref, None)
        self._records.pop(ref, None)

    def take_record(self, ref: ArtifactRef) -> Record | None:
        """Return the record of a stage that was found done, once."""
        kept = self._records.pop(ref, None)
        return None if kept is None else Record.decode(zlib.decompress(kept))

    def claimed(self, ref: ArtifactRef, attempt: Attempt) -> None:
        """Take note of a claim of ours that has just been made."""
        fact = self._facts[ref]
        made = AttemptFact(
            number=attempt.number,
            claimed_at=attempt.claimed_at,
            last_sign_of_life=attempt.claimed_at,
            sight=Sight(phase=Phase.RUNNING),
            mine=True,
            started=False,
            gpus=attempt.gpus or 0,
        )
        self._facts[ref] = replace(fact, attempts=(*fact.attempts, made))
        self._attempts[ref] = attempt

    def renewed(self, ref: ArtifactRef, now: datetime) -> None:
        """Take note that an attempt of ours still waited."""
        *before, last = self._facts[ref].attempts
        self._facts[ref] = replace(self._facts[ref], attempts=(*before, replace(last, began=now)))

    def waiting(self) -> Iterator[tuple[ArtifactRef, Attempt]]:
        """Yield the attempts of this launcher that something is to run, and nothing runs yet."""
        for ref, fact in self._facts.items():
            if _may_run(fact) and fact.attempts[-1].mine and fact.attempts[-1].sight.waits:
                yield ref, self._attempts[ref]

    def _read(self, ref: ArtifactRef, *, ended: bool = False) -> None:
        """Read all of a stage. After its program has ended, the record of an only attempt needs no second look."""
        is_only = ended and self._attempts[ref].number == 1  # others may have told more since
        record = load_record(self._store, ref) if is_only else None
        if record is not None and record.provenance.attempt == 1:
            known, attempt = self._facts[ref], self._attempts[ref]
            self._keep(ref, record)
            facts = tuple(_told(item, attempt, record) for item in known.attempts)
            self._facts[ref] = replace(known, done=True, image=_image(record), attempts=facts)
            return
        listed = listing(self._store, ref)
        state = verify(self._store, ref, listed, self._outputs)
        tries = attempts_in(self._store, ref, listed)
        if state.record is not None and state.damage is None:
            self._keep(ref, state.record)
        else:
            self._outputs[ref] = None
            if tries:
                self._attempts[ref] = tries[-1].attempt
        self._undecided.discard(ref)
        if state.record is None and record_key(ref) in listed:
            self._undecided.add(ref)
        self._facts[ref] = StageFact(
            done=state.record is not None,
            damage=state.damage,
            image="" if state.record is None else _image(state.record),
            attempts=tuple(self._fact(item, state.record) for item in tries),
        )

    def _keep(self, ref: ArtifactRef, record: Record) -> None:
        self._outputs[ref] = record.outputs_digest
        self._inputs[ref] = [ArtifactRef(read) for read in record.provenance.inputs]
        self._records[ref] = zlib.compress(record.encode())
        self._attempts.pop(ref, None)

    def _rests_on_what_is_not_whole(self, ref: ArtifactRef) -> bool:
        """Whether a stage was found whole, and what it was made of was not: it may have been read first."""
        is_whole = self._outputs.get(ref) is not None
        return is_whole and any(self._outputs.get(read, "") is None for read in self._inputs[ref])

    def _fact(self, item: AttemptState, record: Record | None) -> AttemptFact:
        fact = AttemptFact(
            number=item.number,
            claimed_at=item.attempt.claimed_at,
            last_sign_of_life=item.last_sign_of_life,
            sight=_UNSEEN,
            mine=item.attempt.owner == self._backend.owner,
            started=item.started,
            failure=item.failure,
            gpus=item.attempt.gpus or 0,
            began=item.began,
            ended=item.ended,
        )
        return fact if record is None else _told(fact, item.attempt, record)

    def _see(self, ref: ArtifactRef, number: int, sight: Sight) -> None:
        fact = self._facts[ref]
        self._facts[ref] = replace(
            fact,
            attempts=tuple(
                replace(item, sight=sight) if item.number == number else item for item in fact.attempts
            ),
        )


def _image(record: Record) -> str:
    origin = record.provenance.origin
    return "" if origin is None else origin.image


def _told(fact: AttemptFact, attempt: Attempt, record: Record) -> AttemptFact:
    """Add what the record tells of the attempt that won."""
    told = record.provenance
    if fact.number != told.attempt:
        return fact
    gpus = told.gpus if attempt.gpus is None else attempt.gpus
    return replace(fact, started=True, gpus=gpus, began=told.started_at, ended=told.finished_at)


def _may_run(fact: StageFact) -> bool:
    if fact.done or not fact.attempts:
        return False
    last = fact.attempts[-1]
    if last.failure is None:
        return True
    return not last.failed_for_good and last.phase in {Phase.RUNNING, Phase.UNKNOWN}
