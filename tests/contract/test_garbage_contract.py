"""What goes and what stays when a store is swept, on every store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assay.artifacts.documents import (
    ArtifactRef,
    Attempt,
    Failure,
    OutputFile,
    Outputs,
    Provenance,
    Record,
    StageDocument,
)
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key, experiment_key, record_key, resume_key, stage_document_key
from assay.errors import Retry, StoreError
from assay.stores.claims import beat, claim, declare_stage, declare_use, fail
from assay.stores.garbage import Documents, Garbage, Kept, garbage, remove, survey
from assay.stores.records import load_record, publish
from assay.stores.store import Store
from assay.stores.uses import Pinned, experiments, forget, pin, pins, unpin, uses
from fakes.memory_store import MemoryStore

START = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
STUDY = "team/study"


def a_stage(store: Store, name: str, *reads: str) -> ArtifactRef:
    stage = StageDocument(kind=Kind.TRAIN, semantics=1, spec={"name": name}, reads=reads)
    declare_stage(store, stage)
    return stage.ref


def an_attempt(number: int = 1) -> Attempt:
    return Attempt(number=number, owner=f"local/host/{number}/1", claimed_at=START)


def a_done_stage(store: Store, name: str = "one", *reads: str) -> ArtifactRef:
    ref = a_stage(store, name, *reads)
    claim(store, ref, an_attempt())
    beat(store, ref, 1, START)
    store.put(data_key(ref, 1, "model/weights.bin"), b"weights")
    publish(
        store,
        Record(
            identity=StageDocument(kind=Kind.TRAIN, semantics=1, spec={"name": name}, reads=reads),
            outputs=Outputs(files={"model/weights.bin": OutputFile(size=7, sha256="0" * 64)}, summary={}),
            provenance=Provenance(
                attempt=1, inputs={}, execution={}, environment={}, started_at=START, finished_at=START
            ),
        ),
    )
    return ref


def judged(store: Store, *, now: datetime | None = None, spared: timedelta = WEEK) -> Garbage:
    later = datetime.now(UTC) + timedelta(days=8)
    return garbage(survey(store, Pinned(store)), Documents(store), now=now or later, spared=spared)


def swept(store: Store, **terms: Any) -> list[ArtifactRef]:
    return [stored.ref for stored in remove(store, judged(store, **terms).stages, Pinned(store))]


def keys(store: Store) -> list[str]:
    return sorted(info.key for info in store.keys("") if not info.key.startswith(".assay/"))


def test_a_stage_that_nobody_uses_goes_with_everything_of_it(store: Store) -> None:
    ref = a_done_stage(store)
    store.put(resume_key(ref, "state"), b"left")

    assert swept(store) == [ref]
    assert keys(store) == []


def test_a_stage_that_is_used_stays_until_the_use_is_forgotten(store: Store) -> None:
    ref = a_done_stage(store)
    declare_use(store, ref, STUDY)
    declare_use(store, ref, "team/other")

    assert judged(store).kept == {ref: Kept.USED}
    assert [forget(store, STUDY), forget(store, STUDY)] == [1, 0]
    assert uses(store) == {ref.fingerprint: {"team/other"}}
    assert judged(store).kept == {ref: Kept.USED}
    forget(store, "team/other")
    assert swept(store) == [ref]


def test_what_is_superseded_is_forgotten_and_the_rest_stays(store: Store) -> None:
    old, new = a_done_stage(store, "old"), a_done_stage(store, "new")
    declare_use(store, old, STUDY)
    declare_use(store, new, STUDY)

    assert forget(store, STUDY, keep={new.fingerprint}) == 1
    assert swept(store) == [old]
    assert load_record(store, new) is not None


def test_a_pinned_stage_stays_though_nobody_uses_it_until_it_is_unpinned(store: Store) -> None:
    ref = a_done_stage(store)
    pin(store, STUDY, [ref.fingerprint], START)
    pin(store, STUDY, [ref.fingerprint], START + WEEK)

    assert experiments(store) == [STUDY]
    assert [item.stages for item in pins(store, STUDY)] == [(ref.fingerprint,)]
    assert judged(store).kept == {ref: Kept.PINNED}
    assert unpin(store, STUDY) == 1
    assert swept(store) == [ref]


def test_what_a_kept_stage_reads_stays_through_all_that_lies_between(store: Store) -> None:
    first = a_done_stage(store, "first")
    second = a_done_stage(store, "second", first)
    third = a_done_stage(store, "third", second)
    declare_use(store, third, STUDY)

    assert judged(store).kept == {third: Kept.USED, second: Kept.READ, first: Kept.READ}


def test_the_young_stay(store: Store) -> None:
    ref = a_done_stage(store)

    assert judged(store, now=datetime.now(UTC)).kept == {ref: Kept.YOUNG}
    assert swept(store, now=datetime.now(UTC) + timedelta(hours=1), spared=timedelta()) == [ref]


def test_a_stage_that_is_tried_just_now_stays_however_little_is_spared(store: Store) -> None:
    ref = a_stage(store, "tried")
    claim(store, ref, an_attempt())
    beat(store, ref, 1, START)
    soon = datetime.now(UTC) + timedelta(minutes=1)

    assert judged(store, now=soon, spared=timedelta()).kept == {ref: Kept.TRIED}


def test_a_stage_whose_attempt_failed_or_fell_silent_goes(store: Store) -> None:
    failed, silent = a_stage(store, "failed"), a_stage(store, "silent")
    for ref in (failed, silent):
        claim(store, ref, an_attempt())
    fail(store, failed, 1, Failure(reason="Broken", message="a: b. c", retry=Retry.NEVER))
    soon, later = (datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (1, 11))

    assert judged(store, now=soon, spared=timedelta()).kept == {silent: Kept.TRIED}
    assert sorted(swept(store, now=later, spared=timedelta())) == sorted([failed, silent])


def test_a_stage_that_comes_to_be_used_in_between_stays_whole(store: Store) -> None:
    ref = a_done_stage(store)
    found = judged(store).stages
    declare_use(store, ref, STUDY)

    assert not list(remove(store, found, Pinned(store)))
    assert load_record(store, ref) is not None


def test_a_stage_that_comes_to_be_pinned_in_between_stays_whole(store: Store) -> None:
    pinned = Pinned(store)
    ref, other = a_done_stage(store), a_done_stage(store, "two")
    found = judged(store).stages
    assert pinned.now() == frozenset()
    pin(store, STUDY, [ref.fingerprint], START)

    assert [stored.ref for stored in remove(store, found, pinned)] == [other]
    assert load_record(store, ref) is not None
    unpin(store, STUDY)
    assert swept(store) == [ref]


class Interrupted(MemoryStore):
    """Lets something happen when a record goes."""

    def delete(self, key: str) -> None:
        super().delete(key)
        if key.endswith("/record.json"):
            self.meanwhile()

    def meanwhile(self) -> None:
        """Nothing, unless a test says so."""


def test_what_is_pinned_or_used_while_records_go_keeps_all_that_was_written() -> None:
    store = Interrupted()
    refs = [a_done_stage(store, name) for name in ("one", "two", "three")]
    found = judged(store).stages

    def meanwhile() -> None:
        pin(store, STUDY, [refs[0].fingerprint], START)
        declare_use(store, refs[1], STUDY)

    store.meanwhile = meanwhile  # type: ignore[method-assign]

    assert [stored.ref for stored in remove(store, found, Pinned(store))] == [refs[2]]
    for ref in refs[:2]:
        assert store.get(data_key(ref, 1, "model/weights.bin")) == b"weights"
        assert store.get(stage_document_key(ref)) is not None


def test_more_stages_than_go_together_all_go() -> None:
    store = MemoryStore()
    refs = [a_done_stage(store, str(number)) for number in range(40)]

    assert sorted(swept(store)) == sorted(refs)
    assert keys(store) == []


def test_a_stage_that_comes_to_be_tried_in_between_keeps_its_identity_and_its_claims(store: Store) -> None:
    ref = a_stage(store, "tried")
    found = judged(store).stages
    claim(store, ref, an_attempt())

    assert not list(remove(store, found, Pinned(store)))
    assert store.get(stage_document_key(ref)) is not None
    assert judged(store, now=datetime.now(UTC), spared=timedelta()).kept == {ref: Kept.TRIED}


def test_what_attempts_left_that_came_to_nothing_may_go_and_the_record_still_holds(store: Store) -> None:
    ref = a_done_stage(store)
    claim(store, ref, an_attempt(2))
    store.put(data_key(ref, 2, "model/weights.bin"), b"half")
    declare_use(store, ref, STUDY)

    assert [info.key for info in judged(store).leftovers] == [data_key(ref, 2, "model/weights.bin")]
    assert judged(store, now=datetime.now(UTC)).leftovers == ()


def test_what_attempts_wrote_stays_while_a_stage_is_not_done(store: Store) -> None:
    ref = a_stage(store, "one")
    for number in (1, 2):
        claim(store, ref, an_attempt(number))
        store.put(data_key(ref, number, "model/weights.bin"), b"half")
    declare_use(store, ref, STUDY)

    assert judged(store).leftovers == ()


class Breaking(MemoryStore):
    """Breaks at a delete."""

    left = 0

    def delete(self, key: str) -> None:
        if self.left == 0:
            raise StoreError(self.uri, "found no server, expected one", "Wait.")
        self.left -= 1
        super().delete(key)


@pytest.mark.parametrize("deletes", range(6))
def test_a_sweep_that_breaks_anywhere_leaves_nothing_that_looks_done_and_the_next_ends_it(
    deletes: int,
) -> None:
    store = Breaking()
    ref = a_done_stage(store)
    whole = keys(store)
    store.left = deletes
    if deletes < len(whole):
        with pytest.raises(StoreError):
            swept(store)

    halfway = keys(store)
    assert (record_key(ref) in halfway) == (halfway == whole)
    store.left = 100
    assert swept(store) == ([ref] if halfway else [])
    assert keys(store) == []


def test_a_report_of_a_forgotten_experiment_stays(store: Store) -> None:
    declare_use(store, a_done_stage(store), STUDY)
    store.put(experiment_key(STUDY, "report.json"), b"{}")
    forget(store, STUDY)
    swept(store)

    assert keys(store) == [experiment_key(STUDY, "report.json")]
