"""What the cluster backend sees of attempts, and what it writes down of them."""

from datetime import UTC, datetime, timedelta

import pytest

from assay.adapters.cluster import Claimant, ClusterBackend
from assay.adapters.cluster_api import ClusterApi
from assay.adapters.probes import Probes
from assay.adapters.remembered import Remembered
from assay.adapters.watched import Watched
from assay.api.execution import Execution
from assay.artifacts.documents import INTERRUPTED, Attempt, Failure, StageDocument
from assay.artifacts.kinds import Kind
from assay.control.observe import Observer
from assay.errors import Retry
from assay.plan.plan import PlannedStage
from assay.reconcile.decide import State, judge
from assay.reconcile.facts import Phase
from assay.settings.in_cluster import policy_of
from assay.stores.claims import beat, claim, declare_stage, fail, read_failure
from clocks import Clock
from fakes.memory_cluster import MemoryCluster
from fakes.memory_store import MemoryStore
from orders import PROGRAM, a_cpu_profile
from two_owners import RUNS

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HERE = Claimant(cluster="c", namespace="team", name="mine", uid="u")
THERE = Claimant(cluster="c", namespace="others", name="theirs", uid="v")
CLEANED = StageDocument(kind=Kind.CLEAN, semantics=1, spec={}, reads=())
OWN = StageDocument(kind=Kind.PROGRAM, semantics=1, spec=PROGRAM, reads=())


@pytest.fixture
def clock():
    return Clock(NOW)


@pytest.fixture
def store(clock):
    made = MemoryStore(clock=clock)
    for stage in (CLEANED, OWN):
        declare_stage(made, stage)
    return made


@pytest.fixture
def server():
    return MemoryCluster()


@pytest.fixture
def backend(server, store):
    api = ClusterApi(server)
    return ClusterBackend(
        api=api,
        watched=Watched(),
        probes=Probes(api),
        remembered=Remembered(),
        claimant=HERE,
        profile=a_cpu_profile(),
        kinds=frozenset(Kind),
        parallel=9,
        store=store,
    )


def claimed(store, stage, owner, clock):
    attempt = Attempt(number=1, owner=str(owner), claimed_at=clock.now)
    assert claim(store, stage.ref, attempt)
    return attempt


def judged(store, backend, clock):
    stage = PlannedStage(document=CLEANED, members=())
    policy = policy_of(Execution(), since=NOW - timedelta(days=1), suspended=False)
    return judge(stage, Observer(store, backend).facts([CLEANED.ref])[CLEANED.ref], {}, clock.now, policy)


def test_what_runs_where_another_operator_looks_is_taken_over_once_its_heartbeat_is_stale(
    store, server, backend, clock
):
    server.forbidden.add("others")
    attempt = claimed(store, CLEANED, THERE, clock)
    assert backend.sights([(CLEANED.ref, attempt)])[CLEANED.ref, 1].phase is Phase.UNKNOWN

    for _ in range(10):  # it runs on, for long
        clock.now += timedelta(seconds=100)
        beat(store, CLEANED.ref, 1, clock.now)
        assert judged(store, backend, clock).reason == "RunningElsewhere"
    clock.now += timedelta(seconds=119)
    assert judged(store, backend, clock).reason == "RunningElsewhere"
    clock.now += timedelta(seconds=2)
    assert judged(store, backend, clock).state is State.READY


def test_what_may_not_be_seen_in_ones_own_namespace_is_an_error(store, server, backend, clock):
    server.forbidden.add("team")
    attempt = claimed(store, CLEANED, HERE, clock)

    with pytest.raises(Exception, match="403"):
        backend.sights([(CLEANED.ref, attempt)])


@pytest.mark.parametrize(
    ("told", "kept"),
    [(INTERRUPTED, "DeadlineExceeded"), ("InputDamaged", "InputDamaged"), (None, "DeadlineExceeded")],
)
def test_a_pods_deadline_is_told_over_the_interruption_that_its_containers_take_it_for(
    store, server, backend, clock, *, told, kept
):
    attempt = claimed(store, OWN, HERE, clock)
    backend.launch("s3://bucket/prefix", OWN.ref, attempt)
    [(path, job)] = server.all("Job")
    if told is not None:
        fail(store, OWN.ref, 1, Failure(reason=told, message="m", retry=Retry.LATER))
    server.objects["/api/v1/namespaces/team/pods/one"] = {
        "kind": "Pod",
        "metadata": {"name": "one", "labels": job["metadata"]["labels"]},
        "status": {"phase": "Failed", "reason": "DeadlineExceeded"},
    }
    server.set_status(path, {"conditions": [{"type": "Failed", "status": "True"}]})
    backend._watched.keep(server.objects[path])

    assert backend.sights([(OWN.ref, attempt)])[OWN.ref, 1].phase is Phase.ENDED
    assert read_failure(store, OWN.ref, 1).reason == kept


@pytest.mark.parametrize("do", ["leave", "join"])
def test_a_workload_that_went_before_an_answer_about_it_came_is_held_no_more_once_something_is_done_with_it(
    store, server, backend, clock, do
):
    attempt = claimed(store, CLEANED, HERE, clock)
    backend.launch("s3://bucket/prefix", CLEANED.ref, attempt)
    [(path, _)] = server.all("Job", "RayJob")
    server.remove(path)  # and what the watch told of it came before the answer
    assert backend.held() == {(CLEANED.ref, 1)}

    getattr(backend, do)((CLEANED.ref, 1))
    assert backend.held() == frozenset()


def test_an_attempt_that_is_cancelled_before_it_ran_costs_whoever_wants_it_neither_a_wait_nor_a_retry(
    store, server, backend, clock
):
    attempt = claimed(store, CLEANED, THERE, clock)
    backend.launch("s3://bucket/prefix", CLEANED.ref, attempt)

    backend.leave((CLEANED.ref, 1))
    clock.now += timedelta(seconds=10)

    assert server.all("Job", "RayJob") == []
    assert read_failure(store, CLEANED.ref, 1).is_interruption
    judgement = judged(store, backend, clock)
    assert (judgement.state, judgement.reason) == (State.READY, INTERRUPTED)


def test_of_an_attempt_that_runs_when_it_is_cancelled_its_program_tells_how_it_ended(
    store, server, backend, clock
):
    attempt = claimed(store, CLEANED, HERE, clock)
    backend.launch("s3://bucket/prefix", CLEANED.ref, attempt)
    [(path, found)] = server.all("Job", "RayJob")
    server.set_status(path, RUNS[found["kind"]])

    backend.leave((CLEANED.ref, 1))

    assert server.all("Job", "RayJob") == []
    assert read_failure(store, CLEANED.ref, 1) is None
