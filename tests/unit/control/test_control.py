"""The loop asks little of the store."""

from datetime import UTC, datetime

from assay.artifacts.documents import Outputs, Provenance, Record
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import stage_key
from assay.control.control import Control
from assay.reconcile.decide import State
from assay.reconcile.facts import Capacity, Need, Phase, Policy, Sight
from assay.reconcile.terms import Terms
from assay.stores.claims import read_claim
from assay.stores.records import load_record, publish
from assay.stores.registered import registrations
from builders import a_plan
from fakes.memory_store import MemoryStore

NOW = datetime(2030, 1, 1, tzinfo=UTC)
PLAN = a_plan()
DIGEST = "d" * 64
CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}


class CountingStore(MemoryStore):
    """Counts requests by the loop; what programs ask does not count."""

    def __init__(self):
        super().__init__()
        self.asked = 0

    def get(self, key):
        self.asked += 1
        return super().get(key)

    def info(self, key):
        self.asked += 1
        return super().info(key)

    def create(self, key, data):
        self.asked += 1
        return super().create(key, data)

    def keys(self, prefix):
        self.asked += 1
        return super().keys(prefix)


class Backend:
    """Runs every program to its end between two looks."""

    owner = "kubernetes/cluster/team/mine/uid"

    def __init__(self, store, plan, writes):
        self._store = store
        self._plan = plan
        self._writes = writes
        self._running = []
        self._ended = set()

    def capacity(self):
        return Capacity(cpus=99, memory_gib=99, stages=99)

    def obstacles(self):
        return {}

    def held(self):
        return frozenset()

    def approved(self):
        return frozenset({DIGEST})

    def launch(self, _uri, ref, attempt):
        self._running.append((ref, attempt))

    def sights(self, attempts):
        running = {ref for ref, _ in self._running}
        phases = {ref: Phase.RUNNING if ref in running else Phase.ENDED for ref in running | self._ended}
        return {
            (ref, attempt.number): Sight(phase=phases.get(ref, Phase.ABSENT)) for ref, attempt in attempts
        }

    def finish(self):
        before = self._store.asked
        for ref, attempt in self._running:
            document = self._plan.by_ref[ref].document
            inputs = {read: load_record(self._store, read).outputs_digest for read in document.reads}
            provenance = Provenance(
                attempt=attempt.number,
                inputs=inputs,
                execution={},
                environment={},
                started_at=NOW,
                finished_at=NOW,
            )
            publish(
                self._store,
                Record(
                    identity=document, outputs=Outputs(files={}, summary=self._writes), provenance=provenance
                ),
            )
            self._ended.add(ref)
        self._running.clear()
        self._store.asked = before


POLICY = Policy(since=NOW)


def carried_out(store, plan=PLAN, policy=POLICY, writes=None):
    backend = Backend(store, plan, writes or {})
    control = Control(plan, store=store, backend=backend, policy=policy, clock=lambda: NOW)
    decision = control.run(lambda *_: None, lambda _until: backend.finish())
    assert {judgement.state for judgement in decision.judgements.values()} == {State.DONE}
    return store.asked


def test_a_stage_costs_at_most_five_requests_and_its_report_one_more():
    assert carried_out(CountingStore()) <= 5 * len(PLAN.stages)


def test_a_stage_that_is_reused_costs_at_most_four():
    store = CountingStore()
    carried_out(store)
    store.asked = 0

    assert carried_out(store) <= 4 * len(PLAN.stages)


def test_what_rests_on_a_stage_that_is_made_anew_is_made_anew_as_well_however_far_down():
    store = CountingStore()
    carried_out(store)
    root = next(stage.ref for stage in PLAN.stages if not stage.reads)
    for info in list(store.keys(f"{stage_key(root)}/")):
        store.delete(info.key)
    carried_out(store, writes={"rows": 1})

    for stage in PLAN.stages:
        record = load_record(store, stage.ref)
        now = {read: load_record(store, read).outputs_digest for read in stage.reads}
        assert record.provenance.inputs == now, stage.label


def comparing(contrast, *published):
    """Return what an approved plan with this comparison has registered, carried out in a store."""
    plan = a_plan(compare=[contrast], published=published)
    approved = Policy(since=NOW, terms=Terms(digest=DIGEST, manual=True))

    def carry_out(store):
        carried_out(store, plan, approved)
        return registrations(store, plan.experiment)

    return carry_out


def test_an_approved_plan_registers_its_comparisons_before_their_results():
    [found] = comparing(CONTRAST)(CountingStore()).values()

    assert (found.comparison["name"], found.plan, found.results) == ("effect", DIGEST, 0)


def test_a_comparison_that_is_edited_once_results_are_there_says_so_and_the_first_one_stays():
    store, edited = CountingStore(), {**CONTRAST, "margin": 0.5}
    comparing(CONTRAST)(store)
    found = comparing(edited)(store)

    assert {item.comparison["margin"]: item.results for item in found.values()} == {0.01: 0, 0.5: 2}
    assert comparing(CONTRAST)(store) == found


def test_what_counts_as_reproduced_is_registered_with_it_and_not_when_it_is_said_later():
    store, theirs = CountingStore(), {"contrast": "refusals", "task": "refusals", "value": 0.1, "source": "x"}

    [found] = comparing(CONTRAST, theirs)(store).values()
    [later] = comparing(CONTRAST, theirs | {"value": 0.2})(store).values()

    assert found.published == later.published == (theirs,)


def test_what_nobody_asked_to_approve_registers_nothing():
    store = CountingStore()
    carried_out(store, a_plan(compare=[CONTRAST]))

    assert registrations(store, "default/test") == {}


def test_an_attempt_says_how_many_gpus_it_holds():
    store, needs = CountingStore(), {Kind.TRAIN: Need(cpus=1, memory_gib=1, gpus=16)}
    carried_out(store, policy=Policy(since=NOW, needs=needs))

    held = {stage.kind: read_claim(store, stage.ref, 1).gpus for stage in PLAN.stages}
    assert (held[Kind.TRAIN], held[Kind.CLEAN]) == (16, None)
