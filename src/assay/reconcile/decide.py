"""From a plan and the facts to a decision.

Each stage is judged alone (`judge`), in plan order, on what is known of those that it reads; then what is ready is
launched as far as capacity reaches. Deciding twice on the same facts is the same decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.plan.comparisons import without
from assay.plan.plan import Plan, PlannedStage
from assay.reconcile.facts import AttemptFact, Capacity, Need, Observed, Phase, Policy, StageFact
from assay.reconcile.spending import Spent, ahead, spending
from assay.reconcile.terms import Standing, Withheld, withheld

_LONGEST_BACKOFF_SECONDS = 60.0


class State(StrEnum):
    """How a stage stands."""

    DONE = "done"
    RUNNING = "running"
    READY = "ready"  # could start now
    WAITING = "waiting"  # for inputs, or for its next attempt
    FAILED = "failed"
    BLOCKED = "blocked"  # something that it reads failed


REUSED = "Reused"
"""The reason of a stage that was done before this launcher asked."""

_NOT_TRUSTED = frozenset({"RecordNotTrusted", "InputNotTrusted"})

FINAL = frozenset({State.DONE, State.FAILED, State.BLOCKED})
_LEFT = frozenset({State.READY, State.WAITING})


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How one stage stands, and why."""

    state: State
    reason: str  # a CamelCase word
    message: str = ""
    attempt: int = 0  # the latest, 0 before the first
    failed: bool = False  # that attempt ended without a record
    wake_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Claim an attempt, unless this launcher has claimed it already, and start it."""

    stage: PlannedStage
    number: int
    claimed: bool = False


@dataclass(frozen=True, kw_only=True)
class Join:
    """Say that this launcher wants an attempt which another one launched."""

    ref: ArtifactRef
    number: int


@dataclass(frozen=True, kw_only=True)
class Leave:
    """Drop the interest in an attempt that the plan does not want; the last to leave ends it."""

    ref: ArtifactRef
    number: int


@dataclass(frozen=True, kw_only=True)
class Discard:
    """Remove a record whose artifact is gone, so that the stage runs again."""

    ref: ArtifactRef


Action = Discard | Leave | Join | Launch


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now, how everything stands, and when to look again."""

    actions: tuple[Action, ...]
    judgements: Mapping[ArtifactRef, Judgement]
    finished: bool
    wake_at: datetime
    spent: Mapping[ArtifactRef, Spent] = field(default_factory=dict)
    withheld: Withheld | None = None  # why nothing is launched
    approved: bool = False  # somebody has approved the plan, where it may matter


def settled(plan: Plan, observed: Observed, now: datetime, policy: Policy) -> Plan:
    """Return the plan with every comparison over failed inputs narrowed to those that are there."""
    judgements = _judgements(plan, observed, now, policy)
    stages = []
    for stage in plan.stages:
        lost = frozenset(ref for ref in stage.reads if judgements[ref].state in {State.FAILED, State.BLOCKED})
        final = all(judgements[ref].state in FINAL for ref in stage.reads)
        stages.append(without(stage, lost) if stage.kind is Kind.COMPARE and lost and final else stage)
    if all(new is old for new, old in zip(stages, plan.stages, strict=True)):
        return plan
    return Plan(**{name: getattr(plan, name) for name in Plan.model_fields} | {"stages": tuple(stages)})


def decide(plan: Plan, observed: Observed, now: datetime, policy: Policy) -> Decision:
    """Decide what to do now. Total: it never raises, whatever the facts."""
    judgements = _judgements(plan, observed, now, policy)
    spent = spending(plan, observed, now)
    running = [ref for ref, judgement in judgements.items() if judgement.state is State.RUNNING]
    standing = Standing(
        left=tuple(ref for ref, judgement in judgements.items() if judgement.state in _LEFT),
        total=len(plan.stages),
        reused=sum(judgement.reason == REUSED for judgement in judgements.values()),
        spent=sum(item.own for item in spent.values()),
        ahead=ahead(policy.terms, observed, running, now),
    )
    held = withheld(policy.terms, standing, observed.approved)
    if held is not None:
        judgements = {ref: _held_back(judgement, held) for ref, judgement in judgements.items()}
    discards = tuple(
        Discard(ref=stage.ref) for stage in plan.stages if _fact(observed, stage.ref).damage is not None
    )
    latest = {stage.ref: _latest(_fact(observed, stage.ref)) for stage in plan.stages}
    strays = {(ref, number) for ref, number in observed.held if number < latest.get(ref, number + 1)}
    leaves = tuple(Leave(ref=ref, number=number) for ref, number in sorted(strays))
    joins = tuple(
        Join(ref=stage.ref, number=judgements[stage.ref].attempt)
        for stage in plan.stages
        if judgements[stage.ref].state is State.RUNNING
        and not _fact(observed, stage.ref).attempts[-1].sight.joined
        and not policy.suspended
        and held is None
    )
    launches = () if policy.suspended or held is not None else _launches(plan, observed, judgements, policy)
    wakes = [judgement.wake_at for judgement in judgements.values() if judgement.wake_at is not None]
    return Decision(
        actions=(*discards, *leaves, *joins, *launches),
        judgements=judgements,
        finished=not discards and all(judgement.state in FINAL for judgement in judgements.values()),
        wake_at=min([*wakes, now + timedelta(seconds=_LONGEST_BACKOFF_SECONDS)]),
        spent=spent,
        withheld=held,
        approved=policy.terms.ask and policy.terms.digest in observed.approved,
    )


def not_trusted(decision: Decision) -> frozenset[ArtifactRef]:
    """Name the stages whose records are there and are not used, because of who made them or what they read."""
    return frozenset(
        ref for ref, judgement in decision.judgements.items() if judgement.reason in _NOT_TRUSTED
    )


def _held_back(judgement: Judgement, held: Withheld) -> Judgement:
    if judgement.state is not State.READY:
        return judgement
    return replace(judgement, state=State.WAITING, reason=held.reason, message=held.brief)


def _judgements(
    plan: Plan, observed: Observed, now: datetime, policy: Policy
) -> dict[ArtifactRef, Judgement]:
    judgements: dict[ArtifactRef, Judgement] = {}
    for stage in plan.stages:
        inputs = {ref: judgements[ref] for ref in stage.reads if ref in judgements}
        judgement = judge(stage, _fact(observed, stage.ref), inputs, now, policy)
        obstacle = observed.obstacles.get(stage.kind)
        if judgement.state is State.READY and obstacle is not None:
            judgement = replace(
                judgement, state=State.WAITING, reason=obstacle.reason, message=obstacle.message
            )
        judgements[stage.ref] = judgement
    return judgements


def judge(
    stage: PlannedStage,
    fact: StageFact,
    inputs: Mapping[ArtifactRef, Judgement],
    now: datetime,
    policy: Policy,
) -> Judgement:
    """Say how one stage stands."""
    if fact.done and fact.damage is None:
        return _done(fact, inputs, policy)
    last = fact.attempts[-1] if fact.attempts else None
    if last is not None and _runs(last, now, policy):
        return _running(last, now, policy)
    lost = [ref for ref, judgement in inputs.items() if judgement.state in {State.FAILED, State.BLOCKED}]
    if stage.kind is not Kind.COMPARE and lost:
        return Judgement(
            state=State.BLOCKED, reason="InputFailed", message=f"needs {lost[0]}", attempt=_latest(fact)
        )
    if any(judgement.state not in FINAL for judgement in inputs.values()):
        return Judgement(state=State.WAITING, reason="WaitingForInputs", attempt=_latest(fact))
    if fact.damage is not None:
        return Judgement(state=State.READY, reason="OutputsGone", message=fact.damage, attempt=_latest(fact))
    return _next_attempt(fact, now, policy)


def _done(fact: StageFact, inputs: Mapping[ArtifactRef, Judgement], policy: Policy) -> Judgement:
    """A stage with a record that is whole: use it, if its maker is trusted, and those of what it read."""
    foreign = [ref for ref, judgement in inputs.items() if judgement.reason in _NOT_TRUSTED]
    if foreign:
        return Judgement(
            state=State.BLOCKED, reason="InputNotTrusted", message=f"read {foreign[0]}", attempt=_latest(fact)
        )
    if policy.trusted and fact.image.rpartition("@")[2] not in policy.trusted:
        message = (
            f"the record: found that {fact.image or 'no image'} made it, expected one that the Profile trusts. "
            "Have the platform team add its digest to trustedImages, or remove the record."
        )
        return Judgement(
            state=State.FAILED, reason="RecordNotTrusted", message=message, attempt=_latest(fact)
        )
    before = all(attempt.claimed_at < policy.since for attempt in fact.attempts)
    return Judgement(state=State.DONE, reason=REUSED if before else "RecordFound", attempt=_latest(fact))


def _next_attempt(fact: StageFact, now: datetime, policy: Policy) -> Judgement:
    """A stage whose inputs are there and that does not run: start it, wait, or give it up."""
    asked = [attempt for attempt in fact.attempts if attempt.claimed_at >= policy.since]
    if not asked:
        return Judgement(state=State.READY, reason="Ready", attempt=_latest(fact))
    last = asked[-1]
    ended = _ended(last)
    if last.failed_for_good:
        return replace(ended, state=State.FAILED)
    failures = sum(attempt.failure is None or not attempt.failure.is_interruption for attempt in asked)
    if failures > policy.retries and ended.failed:
        message = f"after {len(asked)} attempts: {ended.message}"
        return replace(ended, state=State.FAILED, message=message)
    delay = min(policy.backoff_seconds * 2 ** max(failures - 1, 0), _LONGEST_BACKOFF_SECONDS)
    due = last.last_sign_of_life + timedelta(seconds=delay)
    return replace(ended, state=State.WAITING, wake_at=due) if now < due else ended


def _ended(attempt: AttemptFact) -> Judgement:
    """Say why an attempt that does not run came to nothing."""
    if _resumable(attempt):
        return Judgement(
            state=State.READY,
            reason="NotLaunched",
            message="what is to run it could not be made",
            attempt=attempt.number,
        )
    if attempt.failure is not None:
        reason, message = attempt.failure.reason, attempt.failure.message
    else:
        told = f" ({attempt.sight.note})" if attempt.phase is Phase.ENDED and attempt.sight.note else ""
        reason, message = "Vanished", f"the program ended without a record or a reason{told}: see its log"
    return Judgement(state=State.READY, reason=reason, message=message, attempt=attempt.number, failed=True)


def _resumable(attempt: AttemptFact) -> bool:
    """Whether this launcher claimed the attempt and went no further: nothing was made that could run it."""
    return attempt.mine and not attempt.started and attempt.failure is None and attempt.phase is Phase.ABSENT


def _runs(attempt: AttemptFact, now: datetime, policy: Policy) -> bool:
    if attempt.phase is Phase.RUNNING:
        return not attempt.failed_for_good
    if attempt.failure is not None or attempt.phase is Phase.ENDED:
        return False
    if attempt.phase is Phase.ABSENT and attempt.mine:
        return False
    return now < attempt.last_sign_of_life + timedelta(seconds=policy.stale_seconds)


def _running(attempt: AttemptFact, now: datetime, policy: Policy) -> Judgement:
    poll = now + timedelta(seconds=policy.poll_seconds)
    note = attempt.sight.note
    if attempt.phase is Phase.RUNNING:
        return Judgement(
            state=State.RUNNING,
            reason="Pending" if note else "Running",
            message=note,
            attempt=attempt.number,
            wake_at=poll if attempt.sight.waits else None,
        )
    stale = attempt.last_sign_of_life + timedelta(seconds=policy.stale_seconds)
    return Judgement(
        state=State.RUNNING, reason="RunningElsewhere", attempt=attempt.number, wake_at=min(stale, poll)
    )


def _launches(
    plan: Plan, observed: Observed, judgements: Mapping[ArtifactRef, Judgement], policy: Policy
) -> tuple[Launch, ...]:
    room = _Room(observed.capacity)
    for stage in plan.stages:
        fact = _fact(observed, stage.ref)
        if judgements[stage.ref].state is State.RUNNING and fact.attempts[-1].mine:
            room.take(need_of(stage.kind, policy))
    launches = []
    for stage in plan.stages:
        fact = _fact(observed, stage.ref)
        if (
            judgements[stage.ref].state is State.READY
            and fact.damage is None
            and room.holds(need_of(stage.kind, policy))
        ):
            room.take(need_of(stage.kind, policy))
            last = fact.attempts[-1] if fact.attempts else None
            launches.append(
                Launch(stage=stage, number=last.number, claimed=True)
                if last is not None and _resumable(last)
                else Launch(stage=stage, number=_latest(fact) + 1)
            )
    return tuple(launches)


class _Room:
    """What is left of the capacity. Something always fits into empty room, however large."""

    def __init__(self, capacity: Capacity) -> None:
        self._left = capacity
        self._empty = True

    def holds(self, need: Need) -> bool:
        left = self._left
        return self._empty or (
            left.stages >= 1 and left.cpus >= need.cpus and left.memory_gib >= need.memory_gib
        )

    def take(self, need: Need) -> None:
        left = self._left
        self._empty = False
        self._left = Capacity(
            cpus=left.cpus - need.cpus, memory_gib=left.memory_gib - need.memory_gib, stages=left.stages - 1
        )


def need_of(kind: Kind, policy: Policy) -> Need:
    """Return what an attempt at a stage of a kind takes."""
    return policy.needs.get(kind, Need(cpus=1, memory_gib=1))


def _fact(observed: Observed, ref: ArtifactRef) -> StageFact:
    return observed.stages.get(ref, StageFact())


def _latest(fact: StageFact) -> int:
    return fact.attempts[-1].number if fact.attempts else 0
