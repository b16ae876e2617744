"""One line, no way back up: observe ─▶ decide ─▶ act, until everything is final.

Killing this between any two effects changes nothing: what is true is in the store, and the next start finds it there.
"""

from collections.abc import Callable
from datetime import datetime

from assay.artifacts.documents import ArtifactRef, Attempt
from assay.artifacts.layout import record_key
from assay.plan.plan import Plan
from assay.ports.backend import Backend
from assay.reconcile.decide import Decision, Discard, Launch, decide, settled
from assay.reconcile.facts import AttemptFact, Observed, Phase, Policy, StageFact
from assay.stores.claims import attempts, claim, declare_stage, declare_use
from assay.stores.records import verify
from assay.stores.store import Store

Watch = Callable[[Plan, Decision], None]
Clock = Callable[[], datetime]


class Control:
    """Carries out one plan on one store with one backend."""

    def __init__(self, plan: Plan, *, store: Store, backend: Backend, policy: Policy, clock: Clock) -> None:
        self._plan = plan
        self._store = store
        self._backend = backend
        self._policy = policy
        self._clock = clock
        self._verified: dict[ArtifactRef, StageFact] = {}  # records are immutable: those found whole stay so

    def run(self, watch: Watch) -> Decision:
        """Work until every stage is final; `watch` sees every decision before it is acted on."""
        while True:
            plan, decision = self.look()
            watch(plan, decision)
            if decision.finished:
                return decision
            for action in decision.actions:
                self._act(action)
            if not decision.actions:
                self._backend.wait(decision.wake_at)

    def look(self) -> tuple[Plan, Decision]:
        """Observe and decide, with no effect on anything but the note of who uses what is there."""
        now = self._clock()
        observed = self._observe(self._plan)
        plan = settled(self._plan, observed, now, self._policy)
        if plan is not self._plan:
            observed = self._observe(plan)
        decision = decide(plan, observed, now, self._policy)
        return plan, decision

    def _observe(self, plan: Plan) -> Observed:
        return Observed(
            stages={ref: self._fact(ref) for ref in (stage.ref for stage in plan.stages)},
            capacity=self._backend.capacity(),
        )

    def _fact(self, ref: ArtifactRef) -> StageFact:
        if ref in self._verified:
            return self._verified[ref]
        tries = attempts(self._store, ref)
        phases = self._backend.phases((ref, item.attempt) for item in tries)
        # The record is read after the phases: a program seen to have ended has written whatever it will ever write.
        state = verify(self._store, ref)
        fact = StageFact(
            done=state.record is not None,
            damage=state.damage,
            attempts=tuple(
                AttemptFact(
                    number=item.number,
                    claimed_at=item.attempt.claimed_at,
                    last_sign_of_life=item.last_sign_of_life,
                    phase=phases.get((ref, item.number), Phase.UNKNOWN),
                    mine=item.attempt.owner == self._backend.owner,
                    failure=item.failure,
                )
                for item in tries
            ),
        )
        if fact.done and fact.damage is None:
            self._verified[ref] = fact
            declare_use(self._store, ref, self._plan.experiment)
        return fact

    def _act(self, action: Discard | Launch) -> None:
        if isinstance(action, Discard):
            self._store.delete(record_key(action.ref))
            return
        document = action.stage.document
        declare_stage(self._store, document)
        declare_use(self._store, document.ref, self._plan.experiment)
        attempt = Attempt(
            number=action.number,
            owner=self._backend.owner,
            claimed_at=self._clock(),
            execution=self._plan.execution.get(document.kind.value, {}),
            locations=self._plan.locations_of(document),
        )
        if claim(self._store, document.ref, attempt):
            self._backend.launch(self._store.uri, document.ref, attempt)
