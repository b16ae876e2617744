"""What an object's status says, from a plan and a decision. Pure; bounded, however many stages there are."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from assay.api.profile import Prices
from assay.api.status import (
    Condition,
    CostStatus,
    ExperimentStatus,
    GpuHoursStatus,
    PlanStatus,
    StageStatus,
)
from assay.plan.plan import Plan
from assay.reconcile.decide import FINAL, REUSED, Decision, Judgement, State
from assay.reconcile.spending import saved
from assay.reconcile.terms import APPROVAL_REQUIRED

_MOST_STAGES = 100
_LONGEST_NAME, _LONGEST_MESSAGE = 120, 240  # characters, so that all of a status is below 100 kB
_LONGEST_REASON, _LONGEST_CONDITION = 63, 8000
_ATTENTION = (State.FAILED, State.RUNNING, State.READY, State.WAITING, State.BLOCKED, State.DONE)
_UNREMARKABLE = frozenset({"WaitingForInputs", "Ready"})


def standing(
    plan: Plan, decision: Decision, *, frozen: PlanStatus, generation: int, suspended: bool
) -> ExperimentStatus:
    """Say how an experiment stands, without its verdicts."""
    judgements = [(stage, decision.judgements[stage.ref]) for stage in plan.stages]
    counts = Counter(judgement.state for _, judgement in judgements)
    done, total = counts[State.DONE], len(judgements)
    reused = sum(judgement.reason == REUSED for _, judgement in judgements)
    failed = counts[State.FAILED] + counts[State.BLOCKED]
    shown = sorted(judgements, key=lambda item: _ATTENTION.index(item[1].state))[:_MOST_STAGES]
    return ExperimentStatus(
        phase=_phase(decision, counts, suspended=suspended),
        observed_generation=generation,
        plan=frozen,
        total=total,
        done=done,
        reused=reused,
        failed=failed,
        progress=f"{done}/{total}",
        gpu_hours=_gpu_hours(decision),
        asked=None if decision.withheld is None else decision.withheld.asked,
        conditions=(
            _progressing(decision, counts, [item for _, item in judgements], suspended=suspended),
            _complete(decision, counts, total),
            *_approved(decision, frozen),
        ),
        stages=tuple(
            StageStatus(
                name=_cut(stage.label, _LONGEST_NAME),
                kind=stage.kind.value,
                state=judgement.state.value,
                attempt=judgement.attempt,
                message=_cut(_message(judgement), _LONGEST_MESSAGE),
            )
            for stage, judgement in shown
        ),
    )


def with_conditions(
    status: ExperimentStatus, added: Iterable[Condition], before: Mapping[str, Condition], now: datetime
) -> ExperimentStatus:
    """Put conditions before those of a status; the times of those whose status did not change stay."""
    conditions = []
    for condition in (*added, *status.conditions):
        old = before.get(condition.type)
        since = old.last_transition_time if old is not None and old.status == condition.status else None
        conditions.append(
            condition.model_copy(
                update={
                    "last_transition_time": since or _at(now),
                    "observed_generation": status.observed_generation,
                }
            )
        )
    return status.model_copy(update={"conditions": tuple(conditions)})


def with_since(status: ExperimentStatus, before: ExperimentStatus, now: datetime) -> ExperimentStatus:
    """Say of stages that run or wait since when: what a status of the same plan said holds, so that nothing is written as time goes by."""
    same = before.stages if _digest(before) == _digest(status) else ()
    known = {_how(stage): stage.since for stage in same}
    stages = (
        stage
        if stage.state in FINAL
        else stage.model_copy(update={"since": known.get(_how(stage)) or _at(now)})
        for stage in status.stages
    )
    return status.model_copy(update={"stages": tuple(stages)})


def with_cost(status: ExperimentStatus, prices: Prices) -> ExperimentStatus:
    """Say beside GPU-hours what they cost, where somebody says."""
    hours = status.gpu_hours
    if hours is None or not prices.gpu_hour:
        return status
    cost = CostStatus(
        currency=prices.currency,
        gpu_hour=prices.gpu_hour,
        spent=round(hours.spent * prices.gpu_hour, 2),
        saved=round(hours.saved * prices.gpu_hour, 2),
    )
    return status.model_copy(update={"cost": cost})


def _digest(status: ExperimentStatus) -> str | None:
    return None if status.plan is None else status.plan.digest


def _how(stage: StageStatus) -> tuple[str, str, int, bool]:
    """Return what changes when a stage begins to run, to wait, or to wait after another attempt, and not with what it waits for."""
    return stage.name, stage.state, stage.attempt, bool(stage.message)


def _at(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _gpu_hours(decision: Decision) -> GpuHoursStatus | None:
    """Without what grows while it is looked at: or the status would be written again and again."""
    if not any(item.all for item in decision.spent.values()):
        return None
    done = (ref for ref, judgement in decision.judgements.items() if judgement.state is State.DONE)
    own = sum(item.own - item.growing for item in decision.spent.values())
    return GpuHoursStatus(spent=round(own, 1), saved=round(saved(decision.spent, done), 1))


def _phase(decision: Decision, counts: Counter[State], *, suspended: bool) -> str:
    if decision.finished:
        return "Failed" if counts[State.FAILED] else "Succeeded"
    if counts[State.RUNNING] or (counts[State.READY] and not suspended):
        return "Running"
    if suspended:
        return "Suspended"
    asked = decision.withheld is not None and decision.withheld.reason == APPROVAL_REQUIRED
    return "AwaitingApproval" if asked else "Waiting"


def _progressing(
    decision: Decision, counts: Counter[State], judgements: list[Judgement], *, suspended: bool
) -> Condition:
    running = [item for item in judgements if item.state is State.RUNNING]
    if decision.finished:
        return Condition(type="Progressing", status="False", reason="Finished")
    if suspended and not running:
        return Condition(
            type="Progressing", status="False", reason="Suspended", message="spec.suspend is true"
        )
    pending = [item for item in running if item.message]
    if len(pending) < len(running) or counts[State.READY]:
        message = f"{len(running)} {'stage runs' if len(running) == 1 else 'stages run'}"
        if suspended:
            message += " to the end, spec.suspend is true"
        elif decision.withheld is not None:
            message += f"; nothing more is launched: {decision.withheld.brief}"
        return Condition(type="Progressing", status="True", reason="Running", message=message)
    why = _hindrance(decision, judgements, pending)
    if why is None:
        return Condition(type="Progressing", status="True", reason="Running")
    return Condition(type="Progressing", status="False", reason=why[0][:_LONGEST_REASON], message=why[1])


def _hindrance(
    decision: Decision, judgements: list[Judgement], pending: list[Judgement]
) -> tuple[str, str] | None:
    """Say what keeps all that could run: what was launched and waits, what may not be launched, or what is not there."""
    held = decision.withheld
    if held is not None and not pending:
        if held.reason == APPROVAL_REQUIRED:
            return "AwaitingApproval", held.brief
        return held.reason, _cut(held.message, _LONGEST_CONDITION)
    held_up = [
        item
        for item in judgements
        if item.state is State.WAITING and item.message and item.reason not in _UNREMARKABLE
    ]
    hindered = [*pending, *held_up]
    return (hindered[0].reason, _cut(hindered[0].message, _LONGEST_CONDITION)) if hindered else None


def _approved(decision: Decision, frozen: PlanStatus) -> Iterator[Condition]:
    """Say whether the plan is approved, where that is asked for."""
    held = decision.withheld
    if held is not None and held.reason == APPROVAL_REQUIRED:
        yield Condition(
            type="Approved",
            status="False",
            reason=held.reason,
            message=_cut(held.message, _LONGEST_CONDITION),
        )
    elif decision.approved:
        yield Condition(type="Approved", status="True", reason="Approved", message=f"plan {frozen.digest}")


def _complete(decision: Decision, counts: Counter[State], total: int) -> Condition:
    if not decision.finished:
        open_ = total - sum(counts[state] for state in FINAL)
        return Condition(
            type="Complete",
            status="False",
            reason="StagesLeft",
            message=f"{open_} of {total} stages are left",
        )
    if counts[State.FAILED]:
        message = f"{counts[State.FAILED]} stages failed, {counts[State.BLOCKED]} needed them, {counts[State.DONE]} are done"
        return Condition(type="Complete", status="True", reason="StagesFailed", message=message)
    return Condition(type="Complete", status="True", reason="AllDone", message=f"all {total} stages are done")


def _message(judgement: Judgement) -> str:
    return "" if judgement.state is State.DONE else judgement.message


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
