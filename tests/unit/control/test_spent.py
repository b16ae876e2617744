"""What attempts held is told by the store: who has ended by when it said so, who is done by its record."""

from datetime import UTC, datetime, timedelta

import pytest

from assay.artifacts.documents import Attempt, Failure, Outputs, Provenance, Record, StageDocument
from assay.artifacts.kinds import Kind
from assay.control.observe import Observer
from assay.errors import Retry
from assay.reconcile.facts import Phase, Sight
from assay.stores.claims import beat, claim, declare_stage, fail, renew
from assay.stores.records import publish
from clocks import Clock
from fakes.memory_store import MemoryStore

NOW = datetime(2030, 1, 1, tzinfo=UTC)
STAGE = StageDocument(kind=Kind.TRAIN, semantics=1, spec={}, reads=())
OWNER = "kubernetes/cluster/team/mine/uid"
HOUR = timedelta(hours=1)


class Backend:
    """Sees what a test tells it to see."""

    owner = OWNER

    def __init__(self):
        self.sight = Sight(phase=Phase.ENDED)

    def sights(self, attempts):
        return {(ref, attempt.number): self.sight for ref, attempt in attempts}


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
def store(clock):
    made = MemoryStore(clock=clock)
    declare_stage(made, STAGE)
    return made


@pytest.fixture
def observer(store):
    return Observer(store, Backend())


def claimed(store, gpus=4):
    attempt = Attempt(number=1, owner=OWNER, claimed_at=NOW, gpus=gpus)
    assert claim(store, STAGE.ref, attempt)
    return attempt


def done(store, began, ended, **environment):
    provenance = Provenance(
        attempt=1, inputs={}, execution={}, environment=environment, started_at=began, finished_at=ended
    )
    publish(store, Record(identity=STAGE, outputs=Outputs(files={}, summary={}), provenance=provenance))


def hours(observer, now):
    [attempt] = observer.facts([STAGE.ref])[STAGE.ref].attempts
    return attempt.gpu_hours(now)


def test_an_attempt_that_failed_held_gpus_from_when_it_no_longer_waited(store, observer, clock):
    attempt = claimed(store)
    clock.now = NOW + HOUR
    renew(store, STAGE.ref, attempt)
    clock.now = NOW + 2 * HOUR
    beat(store, STAGE.ref, 1, clock.now)
    clock.now = NOW + 3 * HOUR
    fail(store, STAGE.ref, 1, Failure(reason="R", message="m", retry=Retry.LATER))

    assert hours(observer, NOW + 9 * HOUR) == 4 * 2


def test_an_attempt_that_vanished_held_gpus_until_its_last_sign_of_life(store, observer, clock):
    claimed(store)
    clock.now = NOW + HOUR
    beat(store, STAGE.ref, 1, clock.now)

    assert hours(observer, NOW + 9 * HOUR) == 4


def test_an_attempt_that_never_began_held_nothing(store, observer, clock):
    claimed(store)
    clock.now = NOW + HOUR
    fail(store, STAGE.ref, 1, Failure(reason="WorkloadRefused", message="m", retry=Retry.LATER))

    assert hours(observer, NOW + 9 * HOUR) == 0


def test_what_is_done_is_told_by_its_record(store, observer):
    claimed(store)
    done(store, NOW + HOUR, NOW + 3 * HOUR)

    assert hours(observer, NOW + 9 * HOUR) == 4 * 2


def test_where_nobody_counted_the_record_says_which_gpus_were_found(store, observer):
    claimed(store, gpus=None)
    done(store, NOW, NOW + HOUR, device="NVIDIA H200", processes=2)

    assert hours(observer, NOW + 9 * HOUR) == 2


def test_a_training_on_a_cpu_held_no_gpu(store, observer):
    claimed(store, gpus=None)
    done(store, NOW, NOW + HOUR, device="cpu", processes=2)

    assert hours(observer, NOW + 9 * HOUR) == 0


def test_an_attempt_that_runs_holds_gpus_until_now_since_it_was_last_seen_waiting(store):
    backend = Backend()
    observer = Observer(store, backend)
    backend.sight = Sight(phase=Phase.RUNNING, waits=True)
    claimed(store)
    observer.facts([STAGE.ref])
    observer.renewed(STAGE.ref, NOW + HOUR)
    assert hours(observer, NOW + 2 * HOUR) == 0

    backend.sight = Sight(phase=Phase.RUNNING)
    assert hours(observer, NOW + 3 * HOUR) == 4 * 2


def test_what_ends_while_it_is_looked_at_is_told_by_its_record(store):
    backend = Backend()
    observer = Observer(store, backend)
    backend.sight = Sight(phase=Phase.RUNNING)
    claimed(store)
    observer.facts([STAGE.ref])
    done(store, NOW, NOW + HOUR)
    backend.sight = Sight(phase=Phase.ENDED)

    assert hours(observer, NOW + 9 * HOUR) == 4
