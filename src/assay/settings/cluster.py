"""An Experiment and its Profile in a cluster become everything that a wake-up needs."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

from assay.adapters.cluster import Claimant, ClusterBackend
from assay.adapters.cluster_api import ClusterApi
from assay.adapters.probes import Probes
from assay.adapters.remembered import Remembered
from assay.adapters.sources import ObjectSources
from assay.adapters.watched import Watched
from assay.api.execution import Execution
from assay.api.experiment import Experiment
from assay.api.profile import Limits, Prices, ProfileSpec, StoreRef
from assay.api.status import PlanStatus
from assay.api.written import Written
from assay.artifacts.hub import HubPlace
from assay.artifacts.kinds import Kind
from assay.control.control import Control
from assay.control.freeze import frozen, plan_key
from assay.control.observe import Each, one_by_one
from assay.errors import SpecError
from assay.plan.arms import expand
from assay.plan.compile import compile_plan
from assay.plan.plan import Plan
from assay.ports.sources import Sources
from assay.reconcile.facts import Need
from assay.reconcile.terms import Terms
from assay.report.seen import contrasts_seen, primary_power
from assay.settings.common import now
from assay.settings.expected import EarlierStages, expected_in, machines_of
from assay.settings.in_cluster import RETRY, policy_of, store_environment, trusted_by
from assay.settings.inputs import SourceErrors, resolved_inputs
from assay.settings.models import model_folders
from assay.stores.open import open_source, open_store
from assay.stores.store import Store
from assay.workloads.carrier import pool_of
from assay.workloads.execution import gpus_of, settled_execution


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all experiments of an operator share."""

    cluster: str  # the cluster's UID
    api: ClusterApi
    watched: Watched
    probes: Probes
    earlier: EarlierStages = field(default_factory=EarlierStages)
    remembered: Remembered = field(default_factory=Remembered)
    each: Each = one_by_one  # how what concerns many stages is done
    stores: dict[tuple[str | None, ...], Store] = field(default_factory=dict)  # of Profiles

    def store(self, reached: StoreRef) -> Store:
        """Return a Profile's store, which experiments share, with its connections; it is tried when it is first opened."""
        place = (reached.uri, reached.endpoint, reached.region)
        if place not in self.stores:
            self.stores[place] = open_store(reached.uri, store_environment(reached), resigns=True)
        return self.stores[place]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """An experiment with its frozen plan, and the loop that carries it out in the cluster."""

    suspended: bool
    frozen: PlanStatus  # names plan.json
    store: Store
    control: Control
    prices: Prices


def open_planned(experiment: Experiment, profile: ProfileSpec, around: Surroundings) -> Planned:
    """Freeze the plan, or find it frozen, and put the loop together.

    Raises:
        SpecError: the plan cannot be made from what the spec says, or from what its sources hold now.
        StoreError: the store cannot be reached, or refuses.

    """
    store = around.store(profile.store)
    sources = ObjectSources(
        profile.data,
        cache(lambda uri: open_source(uri, store_environment(profile.store))),  # as long as it is planned
        allowed=(profile.store.uri, *filter(None, [profile.data])),
    )
    known = frozen(store, experiment, lambda: _compiled(experiment, sources), now())
    refused = not_allowed(known.plan, experiment.spec.execution, profile.limits)
    if refused := [*refused, *not_contained(known.plan)]:
        raise SourceErrors(refused)
    execution = settled_execution(experiment.spec.execution, profile)
    plan = known.plan.model_copy(update={"execution": execution})
    metadata, wanted = experiment.metadata, experiment.spec.execution
    claimant = Claimant(
        cluster=around.cluster, namespace=metadata.namespace, name=metadata.name, uid=metadata.uid or ""
    )
    backend = ClusterBackend(
        api=around.api,
        watched=around.watched,
        probes=around.probes,
        remembered=around.remembered,
        claimant=claimant,
        profile=profile,
        kinds=frozenset(stage.kind for stage in plan.stages),
        parallel=min(wanted.parallel or profile.limits.parallel, profile.limits.parallel),
        store=store,
    )
    since = max(known.frozen_at, asked_again_at(experiment, now()) or known.frozen_at)
    policy = replace(
        policy_of(wanted, since=since, suspended=experiment.spec.suspend),
        needs=needs_of(wanted, profile),
        trusted=trusted_by(profile),
        terms=terms_of(known.plan, wanted, profile, store=store, around=around),
    )
    control = Control(plan, store=store, backend=backend, policy=policy, clock=now, each=around.each)
    told = PlanStatus(digest=known.plan.digest, uri=f"{store.uri}/{plan_key(experiment)}")
    return Planned(
        suspended=experiment.spec.suspend, frozen=told, store=store, control=control, prices=profile.prices
    )


def needs_of(execution: Execution, profile: ProfileSpec) -> dict[Kind, Need]:
    """Return what one attempt takes of the Profile's pools."""
    pools = {kind: pool_of(kind, profile) for kind in Kind}
    return {
        kind: Need(cpus=pools[kind].cpus, memory_gib=pools[kind].memory_gib, gpus=gpus)
        for kind, gpus in gpus_of(execution, profile).items()
    }


def terms_of(
    plan: Plan, execution: Execution, profile: ProfileSpec, *, store: Store, around: Surroundings
) -> Terms:
    """Return on which terms the plan is carried out; what nobody asks about is not worked out."""
    limits, manual = profile.limits, execution.approval == "manual"
    if not manual and limits.gpu_hours is None and limits.approval_gpu_hours is None:
        return Terms(digest=plan.digest)
    expected = expected_in(
        plan,
        machines_of(execution, profile),
        store=store,
        folders=model_folders(plan, store_environment(profile.store)),
        earlier=around.earlier,
    )
    return Terms(
        digest=plan.digest,
        manual=manual,
        approval_gpu_hours=limits.approval_gpu_hours,
        gpu_hours=limits.gpu_hours,
        expected=expected,
        prices=profile.prices,
        power=primary_power(contrasts_seen(plan, store)),
    )


def asked_again_at(experiment: Experiment, at_most: datetime) -> datetime | None:
    """Return when somebody asked that failures before then be forgotten: an annotation, RFC 3339; None when nobody did.

    Their clock may be ahead: what fails from now on is not forgotten.
    """
    try:
        found = datetime.fromisoformat(experiment.metadata.annotation(RETRY))
    except ValueError:
        return None
    return min(found, at_most) if found.tzinfo is not None else None


def not_allowed(plan: Plan, execution: Execution, limits: Limits) -> list[SpecError]:
    """Name what the plan wants to run, and the Profile, as it is now, does not allow."""
    code = [
        SpecError(
            "spec.execution.evaluate.codeExecution",
            "found true, expected false: the Profile's limits.codeExecution is false",
            "Leave it out, with the tasks that run what models write, or ask the platform team to allow it.",
        )
    ]
    hubs = [
        SpecError(
            location.uri,
            "found a dataset on a hub, expected none: the Profile's limits.hubAccess is false",
            "Copy it into the object store, or ask the platform team to allow it.",
        )
        for location in plan.locations.values()
        if not limits.hub_access and HubPlace.parse(location.uri)
    ]
    files = [
        SpecError(
            f"{stage.label}, steps[{place}].rule.file",
            "found a Python file, expected none: the Profile's limits.ruleFiles is false",
            "Use patterns, or ask the platform team to allow it.",
        )
        for stage in plan.stages
        for place, step in enumerate(stage.document.spec.get("steps", ()))
        if not limits.rule_files and "file" in step.get("rule", {})
    ]
    programs = [
        SpecError(
            f"{stage.label}, program",
            "found a team's own program, expected none: the Profile's limits.programs is false",
            "Use assay's own kinds of stage, or ask the platform team to allow it.",
        )
        for stage in plan.stages
        if not limits.programs and stage.kind is Kind.PROGRAM
    ]
    return [
        *(code if execution.evaluate.code_execution and not limits.code_execution else []),
        *hubs,
        *files,
        *programs,
    ]


def not_contained(plan: Plan) -> list[SpecError]:
    """Name what a laptop runs and a cluster cannot."""
    return [
        SpecError(
            f"{stage.label}, program.image",
            "found none, expected an image with its digest: it is what runs in a cluster",
            "Add `image`, beside the code if the image does not hold it.",
        )
        for stage in plan.stages
        if stage.kind is Kind.PROGRAM and "image" not in stage.document.spec
    ]


def _compiled(experiment: Experiment, sources: Sources) -> Plan:
    expansion = expand(experiment)
    written = Written(value=experiment.model_dump(mode="json", by_alias=True, exclude_unset=True))
    return compile_plan(experiment, expansion, resolved_inputs(expansion, written, sources))
