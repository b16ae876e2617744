"""A backend that launches nothing: an operator does, and this one sees what it told in an Experiment's status."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from assay.api.status import StageStatus
from assay.artifacts.documents import ArtifactRef, Attempt
from assay.artifacts.kinds import Kind
from assay.errors import BugError
from assay.plan.plan import Plan
from assay.ports.backend import Key
from assay.reconcile.decide import FINAL, Decision, Judgement, State
from assay.reconcile.facts import Capacity, Obstacle, Phase, Sight

Told = Mapping[ArtifactRef, StageStatus]

_CUT = "…"
_OPERATOR_KNOWS = frozenset({State.WAITING, State.FAILED, State.BLOCKED})


def by_ref(plan: Plan, stages: Iterable[StageStatus]) -> dict[ArtifactRef, StageStatus]:
    """Find the stages that a status speaks of; it may cut long labels."""
    labels = {stage.label: stage.ref for stage in plan.stages}
    found = {}
    for told in stages:
        ref = labels.get(told.name)
        if ref is None and told.name.endswith(_CUT):
            fitting = [labels[label] for label in labels if label.startswith(told.name.removesuffix(_CUT))]
            ref = fitting[0] if len(fitting) == 1 else None
        if ref is not None:
            found[ref] = told
    return found


def informed(decision: Decision, told: Told) -> Decision:
    """Add what only the operator knows to what the store says: why a stage waits, and that its pods are gone for good.

    What is final in the store is newer than any status, and so is an attempt of which the status does not know yet.
    """
    judgements = {ref: _informed(judgement, told.get(ref)) for ref, judgement in decision.judgements.items()}
    finished = all(judgement.state in FINAL for judgement in judgements.values())
    return replace(decision, judgements=judgements, finished=finished)


def _informed(judgement: Judgement, told: StageStatus | None) -> Judgement:
    if told is None or judgement.state in FINAL or told.attempt != judgement.attempt:
        return judgement
    if told.state not in _OPERATOR_KNOWS or not told.message:
        return judgement
    state = State(told.state)
    if state is State.WAITING and judgement.message:
        return judgement  # it knows the reason too
    return replace(judgement, state=state, reason=state.value.capitalize(), message=told.message)


class ToldBackend:
    """Only looked through: its claims would be nobody's."""

    def __init__(self, told: Told) -> None:
        self._told = told

    @property
    def owner(self) -> str:
        """Nobody: no claim is signed so."""
        return ""

    def capacity(self) -> Capacity:
        """Nothing can run here."""
        return Capacity(cpus=0, memory_gib=0, stages=0)

    def obstacles(self) -> Mapping[Kind, Obstacle]:
        """What hinders a stage is told stage by stage, see `informed`."""
        return {}

    def sights(self, attempts: Iterable[tuple[ArtifactRef, Attempt]]) -> Mapping[Key, Sight]:
        """Say that an attempt runs, or waits to, if the status says so; of others only their heartbeats tell."""
        sights = {}
        for ref, attempt in attempts:
            told = self._told.get(ref)
            if told is not None and told.state == State.RUNNING and told.attempt == attempt.number:
                sights[ref, attempt.number] = Sight(phase=Phase.RUNNING, note=told.message)
        return sights

    def held(self) -> frozenset[Key]:
        """Nothing is kept alive from here."""
        return frozenset()

    def approved(self) -> frozenset[str]:
        """What is approved is told in the status too."""
        return frozenset()

    def launch(self, store_uri: str, ref: ArtifactRef, attempt: Attempt) -> None:
        """Never."""
        raise _looked_through(store_uri, (ref, attempt.number))

    def join(self, key: Key) -> None:
        """Never."""
        raise _looked_through("join", key)

    def leave(self, key: Key) -> None:
        """Never."""
        raise _looked_through("leave", key)


def _looked_through(what: str, key: Key) -> BugError:
    return BugError(
        f"{what}, {key[0]}, attempt {key[1]}",
        "found an action, expected only to look",
        "Please report this.",
    )
