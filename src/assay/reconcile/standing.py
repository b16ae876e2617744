"""What an object's status says, from a plan and a decision. Pure; bounded, however many stages there are."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from assay.api.status import Condition, ExperimentStatus, PlanStatus, StageStatus
from assay.plan.plan import Plan
from assay.reconcile.decide import FINAL, REUSED, Decision, Judgement, State

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
        conditions=(
            _progressing(decision, counts, [item for _, item in judgements], suspended=suspended),
            _complete(decision, counts, total),
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
                    "last_transition_time": since or now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "observed_generation": status.observed_generation,
                }
            )
        )
    return status.model_copy(update={"conditions": tuple(conditions)})


def _phase(decision: Decision, counts: Counter[State], *, suspended: bool) -> str:
    if decision.finished:
        return "Failed" if counts[State.FAILED] else "Succeeded"
    if counts[State.RUNNING] or (counts[State.READY] and not suspended):
        return "Running"
    return "Suspended" if suspended else "Waiting"


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
    held_up = [
        item
        for item in judgements
        if item.state is State.WAITING and item.message and item.reason not in _UNREMARKABLE
    ]
    pending = [item for item in running if item.message]
    if len(pending) < len(running) or counts[State.READY]:
        message = f"{len(running)} {'stage runs' if len(running) == 1 else 'stages run'}"
        if suspended:
            message += " to the end, spec.suspend is true"
        return Condition(type="Progressing", status="True", reason="Running", message=message)
    hindered = [*pending, *held_up]
    if not hindered:
        return Condition(type="Progressing", status="True", reason="Running")
    why = hindered[0]
    return Condition(
        type="Progressing",
        status="False",
        reason=why.reason[:_LONGEST_REASON],
        message=_cut(why.message, _LONGEST_CONDITION),
    )


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
