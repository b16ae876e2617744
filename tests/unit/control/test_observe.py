"""A stage is read from the store only where something may have changed."""

from datetime import UTC, datetime

import pytest

from assay.artifacts.documents import (
    ArtifactRef,
    Attempt,
    Failure,
    Outputs,
    Provenance,
    Record,
    StageDocument,
)
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import record_key
from assay.control import observe
from assay.control.observe import Observer
from assay.errors import Retry, StoreError
from assay.reconcile.facts import Phase, Sight
from assay.stores.claims import beat, claim, declare_stage, fail
from assay.stores.records import publish
from fakes.memory_store import MemoryStore

NOW = datetime(2030, 1, 1, tzinfo=UTC)
OWNER = "kubernetes/cluster/team/mine/uid"
STAGE = StageDocument(kind=Kind.CLEAN, semantics=1, spec={}, reads=())
READER = StageDocument(kind=Kind.CLEAN, semantics=1, spec={"n": 2}, reads=(str(STAGE.ref),))


class CountingStore(MemoryStore):
    """Counts what is asked of it."""

    asked = 0

    def get(self, key):
        self.asked += 1
        return super().get(key)

    def keys(self, prefix):
        self.asked += 1
        return super().keys(prefix)


class Backend:
    """Sees what a test tells it to see."""

    owner = OWNER

    def __init__(self):
        self.phase = Phase.RUNNING

    def sights(self, attempts):
        return {(ref, attempt.number): Sight(phase=self.phase) for ref, attempt in attempts}


@pytest.fixture
def store():
    made = CountingStore()
    declare_stage(made, STAGE)
    return made


def an_attempt(number=1, owner=OWNER):
    return Attempt(number=number, owner=owner, claimed_at=NOW)


def refused(*_):
    raise StoreError("the store", "found no answer, expected one", "Nothing: it is tried again.")


def a_record(stage=STAGE, *, attempt=1, **inputs):
    provenance = Provenance(
        attempt=attempt, inputs=inputs, execution={}, environment={}, started_at=NOW, finished_at=NOW
    )
    return Record(identity=stage, outputs=Outputs(files={}, summary={}), provenance=provenance)


def fact(observer, ref=STAGE.ref):
    return observer.facts([ref])[ref]


def test_a_stage_that_nobody_tried_is_read_once(store):
    observer = Observer(store, Backend())
    fact(observer)
    before = store.asked

    assert fact(observer).attempts == ()
    assert store.asked == before


def test_a_program_that_runs_is_not_asked_after_in_the_store(store):
    observer = Observer(store, Backend())
    fact(observer)
    claim(store, STAGE.ref, an_attempt())
    observer.claimed(STAGE.ref, an_attempt())
    before = store.asked

    assert fact(observer).attempts[-1].phase is Phase.RUNNING
    assert store.asked == before


def test_the_record_of_a_program_that_ended_is_one_request(store):
    backend = Backend()
    observer = Observer(store, backend)
    fact(observer)
    claim(store, STAGE.ref, an_attempt())
    observer.claimed(STAGE.ref, an_attempt())
    fact(observer)
    publish(store, a_record())
    backend.phase, before = Phase.ENDED, store.asked

    assert fact(observer).done
    assert store.asked == before + 1
    assert fact(observer).done
    assert store.asked == before + 1


def test_a_record_that_is_written_while_its_workload_is_seen_to_end_is_found(store):
    """After a restart the store is read before the backend is asked; the answer is judged against a later reading."""
    claim(store, STAGE.ref, an_attempt())

    class Ending(Backend):
        def sights(self, attempts):
            publish(store, a_record())
            self.phase = Phase.ENDED
            return super().sights(attempts)

    assert fact(Observer(store, Ending())).done


def test_a_stopped_program_is_looked_after_while_what_carries_it_is_there_and_no_longer(store):
    claim(store, STAGE.ref, an_attempt())
    fail(store, STAGE.ref, 1, Failure(reason="Interrupted", message="m", retry=Retry.LATER))
    backend = Backend()
    observer = Observer(store, backend)  # an operator that has just begun
    assert fact(observer).attempts[-1].phase is Phase.RUNNING

    publish(store, a_record())
    backend.phase = Phase.ENDED
    assert fact(observer).done


def test_an_attempt_that_another_began_since_is_looked_at_at_once(store):
    claim(store, STAGE.ref, an_attempt())

    class First(Backend):
        def sights(self, attempts):
            ended = self.phase is Phase.ENDED
            return {
                (ref, attempt.number): Sight(
                    phase=Phase.ENDED if ended and attempt.number == 1 else Phase.RUNNING
                )
                for ref, attempt in attempts
            }

    backend = First()
    observer = Observer(store, backend)
    assert fact(observer).attempts[-1].phase is Phase.RUNNING
    claim(store, STAGE.ref, an_attempt(2, owner="kubernetes/cluster/team/other/uid"))
    backend.phase = Phase.ENDED

    assert [attempt.phase for attempt in fact(observer).attempts] == [Phase.ENDED, Phase.RUNNING]


def test_what_became_of_a_failure_is_asked_once(store):
    claim(store, STAGE.ref, an_attempt())
    fail(store, STAGE.ref, 1, Failure(reason="Interrupted", message="m", retry=Retry.LATER))
    backend = Backend()
    backend.phase = Phase.ENDED
    observer = Observer(store, backend)
    fact(observer)
    backend.phase, before = Phase.RUNNING, store.asked

    assert fact(observer).attempts[-1].phase is Phase.ENDED
    assert store.asked == before


def test_what_runs_elsewhere_is_read_at_every_look(store):
    backend = Backend()
    backend.phase = Phase.UNKNOWN
    claim(store, STAGE.ref, an_attempt(owner="local/other/1/1"))
    observer = Observer(store, backend)
    fact(observer)
    publish(store, a_record())

    assert fact(observer).done


def test_a_lost_claim_makes_the_stage_be_read_again(store):
    observer = Observer(store, Backend())
    fact(observer)
    claim(store, STAGE.ref, an_attempt(owner="local/other/1/1"))
    observer.forget(STAGE.ref)

    assert [item.mine for item in fact(observer).attempts] == [False]


def test_a_record_counts_again_once_its_input_is_there_again(store):
    made = publish(store, a_record())
    declare_stage(store, READER)
    publish(store, a_record(READER, **{str(STAGE.ref): made.outputs_digest}))
    store.delete(record_key(STAGE.ref))
    observer = Observer(store, Backend())
    refs = [STAGE.ref, ArtifactRef(READER.ref)]
    assert not observer.facts(refs)[READER.ref].done

    publish(store, made)
    observer.forget(STAGE.ref)

    assert observer.facts(refs)[READER.ref].done


def test_a_record_that_was_read_is_handed_on_once_and_not_after_it_was_withdrawn(store):
    publish(store, a_record())
    observer = Observer(store, Backend())
    fact(observer)
    before = store.asked

    assert observer.take_record(STAGE.ref) == a_record()
    assert observer.take_record(STAGE.ref) is None
    assert store.asked == before
    fact(again := Observer(store, Backend()))
    again.forget(STAGE.ref)
    assert again.take_record(STAGE.ref) is None


def test_a_fault_while_a_later_attempt_is_read_at_its_end_costs_a_look_and_no_more(store, monkeypatch):
    for number in (1, 2):
        claim(store, STAGE.ref, an_attempt(number))
        if number == 1:
            fail(store, STAGE.ref, 1, Failure(reason="R", message="m", retry=Retry.LATER))
    backend = Backend()
    observer = Observer(store, backend)
    fact(observer)
    backend.phase = Phase.ENDED
    publish(store, a_record(attempt=2))
    monkeypatch.setattr(observe, "attempts_in", refused)
    with pytest.raises(StoreError):
        fact(observer)
    monkeypatch.undo()

    assert fact(observer).done


def test_what_a_later_attempt_held_is_told_though_the_first_one_won(store):
    claim(store, STAGE.ref, an_attempt(1))
    claim(store, STAGE.ref, an_attempt(2))
    backend = Backend()
    observer = Observer(store, backend)
    assert not fact(observer).attempts[-1].started
    beat(store, STAGE.ref, 2, NOW)
    publish(store, a_record(attempt=1))
    backend.phase = Phase.ENDED

    assert fact(observer).attempts[-1].started
