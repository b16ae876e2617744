"""One wake-up of one experiment: read it, look, act, and say how it stands, once and last."""

import contextlib
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.api.experiment import GROUP, VERSION
from assay.api.parse import profile_of
from assay.api.profile import ProfileSpec
from assay.api.status import Condition, ExperimentStatus
from assay.api.validate import profile_faults
from assay.api.written import Written
from assay.artifacts.canonical import digest
from assay.artifacts.documents import ArtifactRef
from assay.control.freeze import REPLAN
from assay.errors import AssayError, ClusterError, SpecError, StoreError
from assay.plan.examine import examine_object
from assay.plan.plan import Plan, PlannedStage
from assay.reconcile.decide import Decision, Launch, not_trusted
from assay.reconcile.standing import standing, with_conditions, with_cost, with_since
from assay.report.lines import verdict_lines
from assay.report.write import write_report
from assay.settings.cluster import Planned, Surroundings, open_planned
from assay.settings.in_cluster import DEFAULT_PROFILE, RETRY
from assay.settings.inputs import SourceErrors
from assay.workloads.carrier import cluster_faults
from assay_operator.events import announce
from assay_operator.logs import about
from assay_operator.metrics import Metrics
from assay_operator.queue import Key

Plain = dict[str, Any]

_log = logging.getLogger(__name__)

API_VERSION = f"{GROUP}/{VERSION}"
_RESYNC = timedelta(minutes=10)
_RETRY = timedelta(seconds=15)  # after a refusal of the store or the API
_AT_ONCE = 128  # actions of one wake-up: then the experiment is read again, and its status written
_LONGEST = 8000  # characters of a condition's message


class _ProfileMissing(SpecError):
    """The namespace has no such Profile, yet."""


class _ProfileInvalid(SpecError):
    """The Profile cannot serve a cluster."""


_ACCEPTED = Condition(type="Accepted", status="True", reason="Valid")
_PASSING: dict[type[AssayError], str] = {
    _ProfileMissing: "ProfileNotFound",
    _ProfileInvalid: "ProfileInvalid",
    SourceErrors: "SourceUnavailable",
    StoreError: "StoreUnavailable",
    ClusterError: "ClusterRefused",
}


@dataclass(kw_only=True)
class _Life:
    """What is kept of an experiment that is not over between wake-ups; losing it changes nothing."""

    of_experiment: tuple[str, int, tuple[str, ...]]  # UID, generation, and when it was asked for again
    of_profile: tuple[str, int]
    planned: Planned
    forget_at: datetime
    verdicts: tuple[str, ...] | None = None  # of the report, once it is written


class Reconciler:
    """Wakes experiments. One thread at a time may wake one experiment; several may wake several."""

    def __init__(self, around: Surroundings, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._around = around
        self._api: ClusterApi = around.api
        self._metrics = metrics
        self._clock = clock
        self._lives: dict[Key, _Life] = {}
        self._told: dict[Key, str] = {}  # digests of statuses
        self._failed: dict[Key, set[tuple[ArtifactRef, int]]] = {}  # attempts whose failure was counted
        self._states: dict[Key, Counter[tuple[str, str]]] = {}  # of the stages of each, by kind
        self._totals: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()

    def wake(self, key: Key) -> datetime | None:
        """Look after an experiment; return when to do so again, or None: not before something changes."""
        path = path_of(API_VERSION, "experiments", key.namespace, key.name)
        found = self._api.get(path)
        if found is None or "deletionTimestamp" in found["metadata"]:
            for kept in (self._lives, self._told, self._failed):
                kept.pop(key, None)
            self._total(key, Counter())
            return None
        status, again = self._stand(key, found)
        body = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        self._told[key] = _digest(body)  # before it is written, since it may be heard before the answer comes
        if not self._tell(path, found, body):
            return self._clock()  # it changed meanwhile
        life = self._lives.get(key)
        if again is None and life is not None and not any(life.of_experiment[2]):
            del self._lives[key]  # one that was asked for again is woken by whatever happens to its workloads
        return again

    def has_told(self, key: Key, status: Plain) -> bool:
        """Whether a status is what was told last, and nobody else's."""
        told = self._told.get(key)
        return told is not None and told == _digest(status)

    def _stand(self, key: Key, found: Plain) -> tuple[ExperimentStatus, datetime | None]:
        try:
            planned = self._planned(key, found)
            return self._carried_on(key, planned, found)
        except (SpecError, StoreError, ClusterError) as error:
            reason = next((reason for kind, reason in _PASSING.items() if isinstance(error, kind)), None)
            message = str(error)[:_LONGEST]
        if reason is None:
            status = _refused(found, message)
        elif key in self._lives or told(found).plan is not None:
            status = _hindered(found, reason, message)
        else:
            status = _unplanned(found, reason, message)
        status = with_conditions(status, (), conditions_of(found), self._clock())
        return status, None if reason is None else self._clock() + _RETRY

    def _carried_on(
        self, key: Key, planned: Planned, found: Plain
    ) -> tuple[ExperimentStatus, datetime | None]:
        plan, decision = planned.control.look()
        turn = replace(decision, actions=decision.actions[:_AT_ONCE])
        planned.control.act(turn)
        for action in turn.actions:
            if isinstance(action, Launch):
                self._metrics.launched(action.stage.kind.value)
                _about(key, action.stage, action.number).info("launched")
        if decision.actions:
            plan, decision = planned.control.look()
        self._count(key, plan, decision)
        status = standing(
            plan,
            decision,
            frozen=planned.frozen,
            generation=found["metadata"]["generation"],
            suspended=planned.suspended,
        )
        status = with_cost(status, planned.prices)
        if decision.finished:
            status = self._with_verdicts(key, status, plan, not_trusted(decision))
        made = Condition(type="Planned", status="True", reason="Frozen", message=f"{status.total} stages")
        status = with_conditions(status, (_ACCEPTED, made), conditions_of(found), self._clock())
        status = with_since(status, told(found), self._clock())
        return status, self._again(decision)

    def _count(self, key: Key, plan: Plan, decision: Decision) -> None:
        """Count stages of all experiments, and each attempt that failed once."""
        self._total(
            key,
            Counter((stage.kind.value, decision.judgements[stage.ref].state.value) for stage in plan.stages),
        )
        for stage in plan.stages:
            judgement = decision.judgements[stage.ref]
            if judgement.failed and self._is_first(key, (stage.ref, judgement.attempt)):
                self._metrics.failed(stage.kind.value, judgement.reason)
                _about(key, stage, judgement.attempt).warning("%s: %s", judgement.reason, judgement.message)

    def _is_first(self, key: Key, attempt: tuple[ArtifactRef, int]) -> bool:
        """Whether an attempt's failure was not counted before; from now on it was."""
        counted = self._failed.setdefault(key, set())
        is_first = attempt not in counted
        counted.add(attempt)
        return is_first

    def _total(self, key: Key, counts: Counter[tuple[str, str]]) -> None:
        """Let an experiment's stages count as they stand now; none: it is gone."""
        with self._counting:
            self._totals.update(counts)
            self._totals.subtract(self._states.pop(key, Counter()))
            if counts:
                self._states[key] = counts
            self._metrics.stages(self._totals)

    def _with_verdicts(
        self, key: Key, status: ExperimentStatus, plan: Plan, refused: frozenset[ArtifactRef]
    ) -> ExperimentStatus:
        """Add the verdicts, from the report that is written when everything is final."""
        life = self._lives[key]
        if life.verdicts is None:
            planned = life.planned
            report = write_report(
                plan,
                planned.store,
                refused=refused,
                known=planned.control.take_record,
                prices=planned.prices,
            )
            life.verdicts = tuple(verdict_lines(report.data))
        first = next(iter(life.verdicts), None)
        return status.model_copy(update={"verdict": first, "verdicts": life.verdicts})

    def _again(self, decision: Decision) -> datetime | None:
        if decision.actions:  # also of one that is over: what nobody wants any more is left some at a time
            return self._clock()
        return None if decision.finished else decision.wake_at

    def _planned(self, key: Key, found: Plain) -> Planned:
        """Return the plan and its loop; they are made anew when the experiment or its profile changed, and now and then."""
        life = self._lives.get(key)
        metadata = found["metadata"]
        annotations = metadata.get("annotations", {})
        asked_again = tuple(annotations.get(name, "") for name in (RETRY, REPLAN))
        of_experiment = (metadata["uid"], metadata["generation"], asked_again)
        is_same = life is not None and life.of_experiment == of_experiment
        experiment = None if is_same else examine_object(found).sound()
        profile = self._profile(key.namespace, found["spec"].get("profile") or DEFAULT_PROFILE)
        of_profile = (profile["metadata"]["uid"], profile["metadata"]["generation"])
        is_fresh = is_same and life is not None and life.of_profile == of_profile
        if life is None or not is_fresh or self._clock() > life.forget_at:
            experiment = experiment or examine_object(found).sound()
            planned = open_planned(experiment, _fit(profile), self._around)
            jitter = _RESYNC * random.uniform(0.8, 1.2)  # noqa: S311 -- jitter
            life = _Life(
                of_experiment=of_experiment,
                of_profile=of_profile,
                planned=planned,
                forget_at=self._clock() + jitter,
            )
            self._lives[key] = life
        return life.planned

    def _profile(self, namespace: str, name: str) -> Plain:
        path = path_of(API_VERSION, "profiles", namespace, name)
        found: Plain | None = self._around.remembered.of((path,), lambda: self._api.get(path))
        if found is None:
            raise _ProfileMissing(
                "spec.profile",
                f"found no Profile {name} in namespace {namespace}, expected one",
                "Ask the platform team for it, or name another.",
            )
        return found

    def _tell(self, path: str, found: Plain, body: Plain) -> bool:
        """Write the status if it changed, then announce what a person would want to hear of; False: not written."""
        before = found.get("status") or {}
        if body == before:
            return True
        written = self._written(path, found, body)
        self._metrics.wrote_status(well=written is not None)
        if written is None:
            return False
        with contextlib.suppress(ClusterError):  # an event is told once, or not at all
            announce(self._api, found, before, body, self._clock())
        return True

    def _written(self, path: str, found: Plain, body: Plain) -> Plain | None:
        """Write the status, also where somebody changed what it does not speak of."""
        written = self._api.write_status(path, found, body)
        if written is not None:
            return written
        now = self._api.get(path)
        if now is None or _asked(now) != _asked(found):
            return None
        return self._api.write_status(path, now, body)


def _asked(found: Plain) -> tuple[str, int]:
    return found["metadata"]["uid"], found["metadata"]["generation"]


def _digest(status: Plain) -> str:
    return digest("status", status)


def _about(key: Key, stage: PlannedStage, attempt: int) -> logging.LoggerAdapter[logging.Logger]:
    return about(_log, namespace=key.namespace, experiment=key.name, stage=stage.label, attempt=attempt)


def told(found: Plain) -> ExperimentStatus:
    """Return the status that an object has; an empty one if another version of assay wrote what this one cannot read."""
    try:
        return ExperimentStatus.model_validate(found.get("status") or {})
    except ValidationError:
        return ExperimentStatus()


def conditions_of(found: Plain) -> dict[str, Condition]:
    """Return the conditions that an object has, by type."""
    return {item.type: item for item in told(found).conditions}


def _fit(found: Plain) -> ProfileSpec:
    """Return what a Profile says, if it can serve a cluster."""
    written = Written(value=found)
    if faults := profile_faults(written) or cluster_faults(profile_of(written).spec):
        raise _ProfileInvalid(
            f"Profile {found['metadata']['name']}",
            f"found {'; '.join(str(fault) for fault in faults)}",
            "The platform team mends it; then this goes on by itself.",
        )
    return profile_of(written).spec


def _refused(found: Plain, message: str) -> ExperimentStatus:
    """Say what only the experiment's author can mend."""
    return ExperimentStatus(
        phase="Invalid",
        observed_generation=found["metadata"]["generation"],
        conditions=(
            Condition(type="Accepted", status="False", reason="Invalid", message=message),
            Condition(type="Planned", status="False", reason="NotAccepted"),
        ),
    )


def _unplanned(found: Plain, reason: str, message: str) -> ExperimentStatus:
    """Say why there is no plan yet."""
    return ExperimentStatus(
        phase="Pending",
        observed_generation=found["metadata"]["generation"],
        conditions=(_ACCEPTED, Condition(type="Planned", status="False", reason=reason, message=message)),
    )


def _hindered(found: Plain, reason: str, message: str) -> ExperimentStatus:
    """Say why nothing can be done now; the rest of the status stays as it was."""
    before = told(found)
    hindrance = Condition(type="Progressing", status="False", reason=reason, message=message)
    others = tuple(item for item in before.conditions if item.type != hindrance.type)
    conditions = (*(others or (_ACCEPTED,)), hindrance)
    generation = found["metadata"]["generation"]
    return before.model_copy(update={"observed_generation": generation, "conditions": conditions})
