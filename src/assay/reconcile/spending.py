"""How many GPU-hours attempts have held, and those that run are to hold still. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.plan.plan import Plan
from assay.reconcile.facts import Observed, Phase, StageFact
from assay.reconcile.terms import Terms


@dataclass(frozen=True, kw_only=True)
class Spent:
    """GPU-hours of all attempts at a stage."""

    own: float  # launched for this experiment
    others: float  # launched for another one, or from elsewhere
    growing: float = 0.0  # the part of its own that an attempt has held which still runs

    @property
    def all(self) -> float:
        """Whoever launched them."""
        return self.own + self.others


def spending(plan: Plan, observed: Observed, now: datetime) -> dict[ArtifactRef, Spent]:
    """Add up the attempts at each stage: each is charged to who launched it."""
    return {stage.ref: _spent(observed.stages.get(stage.ref, StageFact()), now) for stage in plan.stages}


def saved(spent: Mapping[ArtifactRef, Spent], done: Iterable[ArtifactRef]) -> float:
    """Return what others' attempts at stages that are done have saved this experiment."""
    return sum(spent[ref].others for ref in done)


def by_arm(plan: Plan, spent: Mapping[ArtifactRef, Spent]) -> dict[str, float]:
    """Return the GPU-hours of all that each arm needs; what arms share counts in each."""
    hours: dict[str, float] = {}
    for stage in plan.stages:
        if stage.kind is Kind.COMPARE:  # it is of all arms, and holds none
            continue
        for arm in dict.fromkeys(member.arm for member in stage.members):
            hours[arm] = hours.get(arm, 0.0) + spent[stage.ref].all
    return hours


def ahead(terms: Terms, observed: Observed, running: Iterable[ArtifactRef], now: datetime) -> float:
    """Return what those attempts that run for this experiment are expected to hold still."""
    hours = 0.0
    for ref in running:
        last = observed.stages[ref].attempts[-1]
        expected = terms.expected.get(ref)
        if last.mine and expected is not None and expected.gpu_hours is not None:
            hours += max(0.0, expected.gpu_hours - last.gpu_hours(now))
    return hours


def _spent(fact: StageFact, now: datetime) -> Spent:
    took = [(attempt.mine, attempt.gpu_hours(now)) for attempt in fact.attempts]
    runs = not fact.done and bool(fact.attempts) and fact.attempts[-1].phase is Phase.RUNNING
    return Spent(
        own=sum(hours for mine, hours in took if mine),
        others=sum(hours for mine, hours in took if not mine),
        growing=took[-1][1] if runs and took[-1][0] else 0.0,
    )
