"""Two experiments of a namespace that share stages, in any order of what people, operators, controllers and programs do.

The loop, its backend and their claims are the real ones; the API server and the store are in memory, where watches tell late, the
garbage collector goes round late, and one experiment's wake-up may fall between what another has seen and what it does.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from assay.adapters.cluster import Claimant, ClusterBackend
from assay.adapters.cluster_api import ClusterApi
from assay.adapters.probes import Probes
from assay.adapters.remembered import Remembered
from assay.adapters.watched import Watched, owners
from assay.api.execution import Execution
from assay.artifacts.documents import INTERRUPTED, Failure
from assay.control.control import Control
from assay.errors import Retry
from assay.plan.plan import Plan
from assay.reconcile.decide import FINAL, Decision, State
from assay.reconcile.facts import Phase
from assay.settings.cluster import needs_of
from assay.settings.in_cluster import policy_of
from assay.stores.claims import attempts, beat, fail
from assay.workloads.carrier import CARRIERS
from assay.workloads.execution import settled_execution
from assay.workloads.names import attempt_of
from builders import a_pipeline, a_plan
from fakes.memory_cluster import MemoryCluster
from fakes.memory_store import MemoryStore
from finisher import complete, ended
from orders import a_cpu_profile

NAMESPACE = "team"
PROFILE = a_cpu_profile(pools={"train": {"gpusPerNode": 2}})
NEEDS = needs_of(Execution(), PROFILE)
KINDS = [carrier.kind for carrier in CARRIERS]
RUNS = {
    "Job": {"active": 1, "ready": 1},
    "RayJob": {"jobDeploymentStatus": "Running"},
    "PyTorchJob": {"conditions": [{"type": "Running", "status": "True"}]},
}
FAILED = {
    "Job": {"conditions": [{"type": "Failed", "status": "True"}]},
    "RayJob": {"jobDeploymentStatus": "Failed"},
    "PyTorchJob": {"conditions": [{"type": "Failed", "status": "True"}]},
}
REMOVED = {"name": "cleaned", "clean": {"steps": [{"name": "refusals", "remove": True}]}}
WITHOUT, WITH = {"name": "without"}, {"name": "with", "stages": [REMOVED]}
PLANS = [
    a_plan(pipeline=a_pipeline()[:2], arms=arms) for arms in ([WITHOUT], [WITHOUT, WITH], [WITH])
]  # each shares with the second
ROUNDS = 60  # of a fair schedule; it takes a tenth
GIVEN_UP = {State.FAILED, State.BLOCKED}
NAMES = st.sampled_from(["first", "second"])
WHICH = st.integers(0, 9)
PLACES = st.integers(0, len(PLANS) - 1)


@dataclass
class Owner:
    """An Experiment as its people left it."""

    uid: str
    plan: int
    suspended: bool
    asked: dict[int, datetime]  # when each plan was frozen


@dataclass
class Seen:
    """What an operator saw of an experiment, and has not acted upon."""

    control: Control
    decision: Decision


class TwoOwners(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.now = datetime(2030, 1, 1, tzinfo=UTC)
        self.server = MemoryCluster()
        self.api = ClusterApi(self.server)
        self.store = MemoryStore(clock=lambda: self.now)
        self.owners: dict[str, Owner] = {}
        self.seen: dict[str, Seen] = {}
        self.controls: dict[str, tuple[tuple, Control]] = {}
        self.running: dict[tuple, datetime] = {}  # attempts whose programs run, and since when
        self.faults: set = set()  # stages of which some attempt came to nothing by its own fault
        self.live: dict[str, dict] = {}
        self.actor = ""
        self.watched = self._watched()

    # What people do.

    @initialize(plans=st.tuples(PLACES, PLACES), woken=st.permutations(["first", "second"]))
    def begin_together(self, plans, woken):
        for name, plan in zip(("first", "second"), plans, strict=True):
            self.apply(name, plan)
        for name in woken:
            self.wake(name)

    @rule(name=NAMES, plan=PLACES)
    def apply(self, name, plan):
        """Make the experiment, or edit it: what its new plan does not want is cancelled."""
        if name not in self.owners:
            path = f"/apis/assay.dev/v1alpha1/namespaces/{NAMESPACE}/experiments"
            made = self.api.create(path, {"kind": "Experiment", "metadata": {"name": name}})
            self.owners[name] = Owner(made["metadata"]["uid"], plan, suspended=False, asked={})
        owner = self.owners[name]
        owner.plan = plan
        owner.asked.setdefault(plan, self.now)

    @precondition(lambda self: self.owners)
    @rule(name=NAMES, suspended=st.booleans())
    def suspend(self, name, suspended):
        if name in self.owners:
            self.owners[name].suspended = suspended

    @precondition(lambda self: self.owners)
    @rule(name=NAMES)
    def delete(self, name):
        if self.owners.pop(name, None):
            self.seen.pop(name, None)
            self.server.remove(f"/apis/assay.dev/v1alpha1/namespaces/{NAMESPACE}/experiments/{name}")

    # What the operator does.

    @rule(name=NAMES)
    def look(self, name):
        if name in self.owners:
            control = self._control(name)
            _, decision = control.look()
            self.seen[name] = Seen(control, decision)

    @precondition(lambda self: self.seen)
    @rule(name=NAMES)
    def act(self, name):
        """Act on what was seen, which may be long ago."""
        seen = self.seen.pop(name, None)
        if seen is not None:
            self.actor = name
            seen.control.act(seen.decision)

    def act_amid(self, name):
        """Act, while the other acts between what this one reads of a workload and its change of it."""
        [other] = self.seen.keys() - {name}
        amid = self.seen.pop(other)
        self.server.before_change = lambda: amid.control.act(amid.decision)
        self.act(name)
        self.server.before_change()
        self.server.before_change = lambda: None

    @rule(name=NAMES)
    def wake(self, name):
        self.server.tell(self.watched)
        self.look(name)
        self.act(name)

    @rule(name=NAMES, amid=st.booleans())
    def wake_both(self, name, amid):
        """Let both look before either acts."""
        for each in ("first", "second"):
            self.look(each)
        if amid and len(self.seen) == len(self.owners) == 2:
            self.act_amid(name)
        for each in ("second", "first"):
            self.act(each)

    @rule()
    def restart(self):
        """Another operator takes over, which knows nothing but what a watch tells first."""
        self.controls.clear()
        self.seen.clear()
        self.watched = self._watched()
        for _, found in self.server.all(*KINDS):
            self.watched.keep(found)

    # What the cluster does.

    @rule()
    def tell(self):
        self.server.tell(self.watched)

    @rule()
    def collect(self):
        self.server.collect()

    @rule(seconds=st.sampled_from([1, 20, 70, 200]))
    def wait(self, seconds):
        for _ in range(0, seconds, 10):
            for ref, number in self.running:
                beat(self.store, ref, number, self.now)
            self.now += timedelta(seconds=min(seconds, 10))

    # What programs do.

    @precondition(lambda self: self.live)
    @rule(which=WHICH)
    def begin(self, which):
        path, found = self._chosen(which)
        ref, number = attempt_of(found)
        if (ref, number) not in self.running:
            self.running[ref, number] = self.now
            beat(self.store, ref, number, self.now)
            self.server.set_status(path, RUNS[found["kind"]])

    @precondition(lambda self: self.live)
    @rule(which=WHICH)
    def end_well(self, which):
        path, found = self._chosen(which)
        if attempt_of(found) in self.running:
            self._complete(attempt_of(found))
            self.server.set_status(path, ended(found))

    @precondition(lambda self: self.live)
    @rule(which=WHICH, told=st.booleans())
    def end_badly(self, which, told):
        path, found = self._chosen(which)
        ref, number = attempt_of(found)
        if told:
            fail(self.store, ref, number, Failure(reason="R", message="m", retry=Retry.LATER))
        self.running.pop((ref, number), None)
        self.faults.add(ref)
        self.server.set_status(path, FAILED[found["kind"]])

    @rule(which=WHICH, how=st.sampled_from(["told", "silent", "done"]))
    def stop(self, which, how):
        """A program whose workload was taken away ends, at last."""
        gone = sorted(key for key in self.running if key not in map(attempt_of, self.live.values()))
        if gone:
            key = gone[which % len(gone)]
            if how == "done":
                self._complete(key)
                return
            if how == "told":
                fail(self.store, *key, Failure(reason=INTERRUPTED, message="m", retry=Retry.LATER))
            del self.running[key]

    # What never happens.

    @invariant()
    def one_attempt_at_a_stage_is_live(self):
        before, self.live = self.live, self._live()
        refs = [attempt_of(found)[0] for found in self.live.values()]
        assert len(refs) == len(set(refs)), "two workloads of one stage at once"
        for path, was in before.items():
            if path not in self.server.objects:
                self._nobody_lost(was)
        self.actor = ""

    def _nobody_lost(self, workload):
        """Nobody who had said that he wants it, and wants it still, has lost a workload by what another did."""
        ref, _ = attempt_of(workload)
        for name, owner in self.owners.items():
            wants = owner.uid in owners(workload) and ref in PLANS[owner.plan].by_ref
            assert name == self.actor or owner.suspended or not wants, f"{name} lost {ref}"

    def teardown(self):
        """From wherever it got to, a fair schedule ends all that is wanted, and leaves nothing that nobody wants."""
        for owner in self.owners.values():
            owner.suspended = False
        self.server.collect()
        for _ in range(ROUNDS):
            decisions = self._round()
            if all(decision.finished for decision in decisions.values()):
                return self._all_is_well(decisions)
        raise AssertionError(f"no end after {ROUNDS} rounds: {decisions}")

    def _round(self):
        decisions = {}
        for _ in range(3):  # whoever lost a claim to the other sees so when the pause before his own is over
            self.wait(70)
            for name in self.owners:
                self.wake(name)
                _, decisions[name] = self._control(name).look()
        self.one_attempt_at_a_stage_is_live()
        self._owned_by_who_wants(decisions)
        self.stop(0, "told")
        for which in range(len(self.live)):
            self.begin(which)
        self.wait(20)
        for which in range(len(self.live)):
            self.end_well(which)
        return decisions

    def _owned_by_who_wants(self, decisions):
        """Whatever runs after every wake-up is owned by those, all of those and only those who want it.

        Who has given a stage up, after as many failures as he allows, may leave it to the other, who has asked later.
        """
        for found in self._live().values():
            ref, _ = attempt_of(found)
            wanting = {
                name: owner.uid for name, owner in self.owners.items() if ref in PLANS[owner.plan].by_ref
            }
            assert wanting, f"{ref} runs, and nobody wants it"
            given_up = {
                wanting[name] for name in wanting if decisions[name].judgements[ref].state in GIVEN_UP
            }
            assert set(wanting.values()) - given_up <= set(owners(found)) <= set(wanting.values())

    def _all_is_well(self, decisions):
        claimed: dict = {}
        for name, decision in decisions.items():
            for ref, judgement in decision.judgements.items():
                assert judgement.state in FINAL
                spoilt = self.faults & {ref, *PLANS[self.owners[name].plan].by_ref[ref].reads}
                assert judgement.state is State.DONE or spoilt, f"{ref}: {judgement}"
                if judgement.state not in GIVEN_UP:
                    claimed.setdefault(ref, []).append(decision.spent[ref])
        for ref, told in claimed.items():
            tries = attempts(self.store, ref)
            assert [item.number for item in tries] == list(range(1, len(tries) + 1))
            assert len({round(spent.all, 6) for spent in told}) == 1, "they do not agree on what it took"
            assert sum(spent.own for spent in told) <= told[0].all + 1e-6, "it is charged twice"

    def _chosen(self, which):
        paths = sorted(self.live)
        path = paths[which % len(paths)]
        return path, self.server.objects[path]

    def _complete(self, key):
        complete(self.store, *key, times=(self.running.pop(key), self.now))

    def _live(self):
        """Return the workloads whose programs run, or are to."""
        found = {}
        for path, item in self.server.all(*KINDS):
            carrier = next(carrier for carrier in CARRIERS if carrier.kind == item["kind"])
            if carrier.sight(item).phase is Phase.RUNNING:
                found[path] = item
        return found

    def _watched(self):
        return Watched(clock=self._seconds)

    def _seconds(self):
        return self.now.timestamp()

    def _control(self, name):
        """Return the loop of an experiment; it is made anew when its people changed something."""
        owner = self.owners[name]
        made_of = (owner.uid, owner.plan, owner.suspended)
        if name not in self.controls or self.controls[name][0] != made_of:
            self.controls[name] = made_of, self._made(name, owner)
        return self.controls[name][1]

    def _made(self, name, owner):
        plan: Plan = PLANS[owner.plan].model_copy(
            update={
                "experiment": f"{NAMESPACE}/{name}",
                "execution": settled_execution(Execution(), PROFILE),
            }
        )
        backend = ClusterBackend(
            api=self.api,
            watched=self.watched,
            probes=Probes(self.api, clock=self._seconds),
            remembered=Remembered(clock=self._seconds),
            claimant=Claimant(cluster="c", namespace=NAMESPACE, name=name, uid=owner.uid),
            profile=PROFILE,
            kinds=frozenset(stage.kind for stage in plan.stages),
            parallel=99,
            store=self.store,
        )
        policy = policy_of(Execution(), since=owner.asked[owner.plan], suspended=owner.suspended)
        return Control(
            plan,
            store=self.store,
            backend=backend,
            policy=replace(policy, needs=NEEDS),
            clock=lambda: self.now,
        )
