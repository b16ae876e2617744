"""One line, no way back up: observe ─▶ decide ─▶ act.

Killing this between any two effects changes nothing: what is true is in the store, and the next start finds it there.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from assay.artifacts.documents import INTERRUPTED, ArtifactRef, Attempt, Failure, Record
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import record_key
from assay.control.observe import Each, Observer, one_by_one
from assay.errors import ClusterError, Retry
from assay.plan.plan import Plan
from assay.ports.backend import Backend
from assay.reconcile.decide import (
    Action,
    Decision,
    Discard,
    Join,
    Launch,
    Leave,
    State,
    decide,
    need_of,
    settled,
)
from assay.reconcile.facts import Observed, Policy
from assay.stores.claims import claim, declare_stage, declare_use, fail, read_claim, renew
from assay.stores.registered import Registration, asked, register
from assay.stores.store import Store

Watch = Callable[[Plan, Decision], None]
Clock = Callable[[], datetime]
Wait = Callable[[datetime], None]

_RENEWAL = timedelta(seconds=20)  # well below the least time after which a silent attempt is taken over

_BELIEVED = 0.75  # of the time after which others give an attempt up


class Control:
    """Carries out one plan on one store with one backend."""

    def __init__(  # noqa: PLR0913 -- one for each thing that it brings together
        self,
        plan: Plan,
        *,
        store: Store,
        backend: Backend,
        policy: Policy,
        clock: Clock,
        each: Each = one_by_one,
    ) -> None:
        self._plan = plan
        self._store = store
        self._backend = backend
        self._policy = policy
        self._clock = clock
        self._each = each
        self._observer = Observer(store, backend, each)
        self._renewed: dict[ArtifactRef, datetime] = {}
        self._registered = False
        self._used: set[ArtifactRef] = set()  # stages that the store knows this experiment to rely on

    def run(self, watch: Watch, wait: Wait) -> Decision:
        """Work until every stage is final; `watch` sees every decision before it is acted on."""
        while True:
            plan, decision = self.look()
            watch(plan, decision)
            self.act(decision)
            if decision.finished:
                return decision
            if not decision.actions:
                wait(decision.wake_at)

    def take_record(self, ref: ArtifactRef) -> Record | None:
        """Return the record that a look has read, once: it is kept no longer."""
        return self._observer.take_record(ref)

    def look(self) -> tuple[Plan, Decision]:
        """Observe and decide, with no effect on anything."""
        now = self._clock()
        observed = self._observe(self._plan)
        plan = settled(self._plan, observed, now, self._policy)
        if plan is not self._plan:
            observed = self._observe(plan)
        return plan, decide(plan, observed, now, self._policy)

    def act(self, decision: Decision) -> None:
        """Carry out what was decided, in order, and note who uses what is done.

        Raises:
            ClusterError: the cluster refused an action; the others were carried out.

        """
        done = (ref for ref, judgement in decision.judgements.items() if judgement.state is State.DONE)
        self._each(self._use, [ref for ref in done if ref not in self._used])
        if decision.approved and not self._registered:
            self._register(decision)
        for ref, attempt in self._observer.waiting():
            self._keep_young(ref, attempt)
        refused: list[ClusterError] = []

        def attempted(action: Action) -> None:
            try:
                self._act(action)
            except ClusterError as error:  # it concerns this action; the others may go well
                refused.append(error)

        self._each(attempted, decision.actions)
        if refused:
            raise refused[0]

    def _observe(self, plan: Plan) -> Observed:
        return Observed(
            stages=self._observer.facts(stage.ref for stage in plan.stages),
            capacity=self._backend.capacity(),
            obstacles=self._backend.obstacles(),
            held=self._backend.held(),
            approved=self._backend.approved() if self._policy.terms.ask else frozenset(),
        )

    def _act(self, action: Action) -> None:
        match action:
            case Discard():
                self._store.delete(record_key(action.ref))
                self._observer.forget(action.ref)
            case Leave():
                self._backend.leave((action.ref, action.number))
            case Join():
                self._backend.join((action.ref, action.number))
            case Launch():
                self._launch(action)

    def _launch(self, action: Launch) -> None:
        document = action.stage.document
        if action.claimed:
            self._go_on(document.ref, action.number)
            return
        declare_stage(self._store, document)
        self._use(document.ref)
        attempt = Attempt(
            number=action.number,
            owner=self._backend.owner,
            claimed_at=self._clock(),
            execution=self._plan.execution.get(document.kind.value, {}),
            locations=self._plan.locations_of(document),
            gpus=need_of(document.kind, self._policy).gpus,
        )
        if not claim(self._store, document.ref, attempt):
            self._observer.forget(document.ref)  # somebody else was first
            return
        self._observer.claimed(document.ref, attempt)
        self._backend.launch(self._store.uri, document.ref, attempt)

    def _go_on(self, ref: ArtifactRef, number: int) -> None:
        """Launch an attempt that was claimed before, or give its number up: the next one is claimed against all others.

        Others may be about to take over what they have long seen no sign of, so this launcher stops believing in its own claim before they do.
        """
        attempt, now = read_claim(self._store, ref, number), self._clock()
        believed = timedelta(seconds=_BELIEVED * self._policy.stale_seconds)
        if now < max(attempt.claimed_at, self._renewed.get(ref, attempt.claimed_at)) + believed:
            self._renew(ref, attempt, now)
            self._backend.launch(self._store.uri, ref, attempt)
            return
        message = (
            f"stage {ref}: found attempt {number} claimed long ago with nothing to run it, expected it to begin soon. "
            "Nothing needs to be done: another attempt follows."
        )
        fail(self._store, ref, number, Failure(reason=INTERRUPTED, message=message, retry=Retry.LATER))
        self._observer.forget(ref)

    def _register(self, decision: Decision) -> None:
        """Keep what the approved plan asks, and whether answers were there."""
        for stage in self._plan.stages:
            if stage.kind is Kind.COMPARE:
                states = [decision.judgements[ref].state for ref in stage.reads]
                registration = Registration(
                    question=asked(stage.document.spec),
                    comparison=stage.document.spec["comparison"],
                    plan=self._policy.terms.digest,
                    results=states.count(State.DONE),
                    published=tuple(one.said for one in self._plan.published),
                )
                register(self._store, self._plan.experiment, registration)
        self._registered = True

    def _keep_young(self, ref: ArtifactRef, attempt: Attempt) -> None:
        """Renew a claim now and then while its program waits to start, and so shows no sign of life itself."""
        now = self._clock()
        if now >= self._renewed.get(ref, attempt.claimed_at) + _RENEWAL:
            self._renew(ref, attempt, now)

    def _renew(self, ref: ArtifactRef, attempt: Attempt, now: datetime) -> None:
        renew(self._store, ref, attempt)
        self._renewed[ref] = now
        self._observer.renewed(ref, now)

    def _use(self, ref: ArtifactRef) -> None:
        if ref not in self._used:
            declare_use(self._store, ref, self._plan.experiment)
            self._used.add(ref)
