"""An Experiment in a cluster, its frozen plan and its store, for whoever may only look: through kubectl and the store."""

import os
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from assay.adapters.kubectl import FORBIDDEN, NOT_FOUND, Kubectl
from assay.adapters.kubectl_pods import AttemptPods
from assay.adapters.told import ToldBackend, by_ref, informed
from assay.api.execution import Execution
from assay.api.experiment import GROUP, VERSION
from assay.api.faults import did_you_mean
from assay.api.profile import Prices, ProfileSpec, StoreRef
from assay.api.status import ExperimentStatus
from assay.artifacts.documents import ArtifactRef
from assay.artifacts.layout import experiment_key
from assay.control.freeze import FrozenPlan
from assay.control.observe import Observer
from assay.errors import ClusterError, StoreError
from assay.plan.plan import Plan
from assay.reconcile.decide import Decision, State, decide, settled
from assay.reconcile.facts import Observed
from assay.settings.common import now
from assay.settings.in_cluster import DEFAULT_PROFILE, policy_of, store_environment, trusted_by
from assay.stores.documents import read_document
from assay.stores.open import open_to_read
from assay.stores.store import Store

Plain = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)

_EXPERIMENTS, _PROFILES = f"experiments.{GROUP}", f"profiles.{GROUP}"  # Katib has experiments too
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True, kw_only=True)
class Applied:
    """An Experiment as a cluster has it."""

    namespace: str
    name: str
    generation: int
    profile: str
    suspended: bool
    execution: Execution
    status: ExperimentStatus

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def prices(self) -> Prices:
        """The operator's, which whoever may not read the Profile may know too."""
        cost = self.status.cost
        if cost is None:
            return Prices()
        return Prices.model_validate({"currency": cost.currency, "gpuHour": cost.gpu_hour})


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """What an Experiment asked for, compiled and frozen, and the store that it lives in."""

    applied: Applied
    uri: str  # of plan.json
    frozen_at: datetime
    plan: Plan
    store: Store
    trusted: frozenset[str] = (
        frozenset()
    )  # digests of images whose records are used; empty: any, or nobody could say

    def look(self, store: Store | None = None) -> tuple[Plan, Decision]:
        """Say how all stands, with no effect on anything."""
        told = by_ref(self.plan, self.applied.status.stages)
        backend = ToldBackend(told)
        asked = policy_of(self.applied.execution, since=self.frozen_at, suspended=self.applied.suspended)
        policy = replace(asked, trusted=self.trusted)
        observer = Observer(store or self.store, backend)

        def observed(plan: Plan) -> Observed:
            facts = observer.facts(stage.ref for stage in plan.stages)
            return Observed(stages=facts, capacity=backend.capacity())

        time = now()
        plan = settled(self.plan, observed(self.plan), time, policy)
        decision = decide(plan, observed(plan), time, policy)
        return plan, informed(decision, by_ref(plan, self.applied.status.stages))

    def waits(self, ref: ArtifactRef, number: int) -> str:
        """Say why an attempt does not run yet, by the status; "" if it does, or if nobody knows."""
        told = by_ref(self.plan, self.applied.status.stages).get(ref)
        waits = told is not None and told.state == State.RUNNING and told.attempt == number
        return told.message if told is not None and waits else ""


def connect(flags: tuple[str, ...]) -> Kubectl:
    """Return kubectl with these of its flags."""
    return Kubectl(flags)


def find(kubectl: Kubectl, name: str) -> Applied:
    """Return an Experiment.

    Raises:
        ClusterError: kubectl is missing or refused; there is no such Experiment, or no such namespace.

    """
    try:
        return _applied(kubectl.get(_EXPERIMENTS, name))
    except ClusterError as error:
        if error.status != NOT_FOUND:
            raise
        namespace = kubectl.namespace()
        _check_namespace(kubectl, namespace)
        names = [item["metadata"]["name"] for item in kubectl.get(_EXPERIMENTS)["items"]]
        raise ClusterError(
            f"experiment {name}",
            f"found none of this name among {len(names)} in namespace {namespace}",
            did_you_mean(name, names, "`kubectl assay status -A` lists those of all namespaces."),
            status=NOT_FOUND,
        ) from error


def find_all(kubectl: Kubectl, *, everywhere: bool) -> list[Applied]:
    """Return the Experiments of the namespace, or of all.

    Raises:
        ClusterError: kubectl is missing or refused, or there is no such namespace.

    """
    found = kubectl.get(_EXPERIMENTS, *(["--all-namespaces"] if everywhere else []))["items"]
    if not found and not everywhere:
        _check_namespace(kubectl, kubectl.namespace())
    return [_applied(item) for item in found]


def open_frozen(kubectl: Kubectl, applied: Applied) -> Frozen:
    """Read the frozen plan from the store, as whoever the environment's `AWS_*` say.

    Raises:
        ClusterError: there is none yet, or the Profile cannot be read.
        StoreError: the store cannot be reached, refuses, or does not hold it.

    """
    uri = applied.status.plan.uri if applied.status.plan else ""
    root, folder, rest = uri.rpartition(f"/{experiment_key(str(applied), '')}")
    if not root:
        raise ClusterError(
            f"experiment {applied}",
            f"found no frozen plan yet (phase {applied.status.phase or 'unknown'}), expected one",
            f"`kubectl assay status {applied.name}` says what it waits for.",
        )
    store = open_to_read(root, _environment(kubectl, applied, root))
    frozen = read_document(store, f"{folder.removeprefix('/')}{rest}", FrozenPlan)
    if frozen is None:
        raise StoreError(
            uri,
            "found nothing, expected the frozen plan that the experiment's status names",
            "Check that this is the store that the cluster writes to: its endpoint, and file:// folders, are its own.",
        )
    profile = profile_named(kubectl, applied)
    return Frozen(
        applied=applied,
        uri=uri,
        frozen_at=frozen.frozen_at,
        plan=frozen.plan,
        store=store,
        trusted=frozenset() if profile is None else trusted_by(profile),
    )


def approve(kubectl: Kubectl, applied: Applied, digest: str, comment: str | None) -> None:
    """Say that a plan is approved: the one Approval of an Experiment has its name.

    Raises:
        ClusterError: whoever this is may not.

    """
    metadata = {"name": applied.name, "namespace": applied.namespace}
    said = {"plan": digest} | ({"comment": comment} if comment else {})
    head = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Approval"}
    kubectl.apply({**head, "metadata": metadata, "spec": said})


def annotate(kubectl: Kubectl, applied: Applied, annotation: str) -> str:
    """Set an annotation of an Experiment to the present time, and return it.

    Raises:
        ClusterError: whoever this is may not.

    """
    at = f"{now():%Y-%m-%dT%H:%M:%SZ}"
    kubectl.annotate(_EXPERIMENTS, applied.name, f"{annotation}={at}")
    return at


def profile_named(kubectl: Kubectl, applied: Applied) -> ProfileSpec | None:
    """Return the Experiment's Profile, for whoever may read it.

    Raises:
        ClusterError: kubectl refused for another reason.

    """
    try:
        found = kubectl.get(_PROFILES, applied.profile, f"--namespace={applied.namespace}")
    except ClusterError as error:
        if error.status in (NOT_FOUND, FORBIDDEN):
            return None
        raise
    return _read(ProfileSpec, found["spec"], f"Profile {applied.profile}")


def pods_of(kubectl: Kubectl, applied: Applied, ref: ArtifactRef, number: int) -> AttemptPods:
    """Return the pods of an attempt in the Experiment's namespace."""
    return AttemptPods(kubectl, applied.namespace, ref, number)


def _environment(kubectl: Kubectl, applied: Applied, root: str) -> dict[str, str]:
    """Take endpoint and region from the Profile; who may not read it can name the endpoint instead."""
    if not root.startswith("s3://"):
        return dict(os.environ)
    try:
        profile = kubectl.get(_PROFILES, applied.profile, f"--namespace={applied.namespace}")
    except ClusterError as error:
        named = any(os.environ.get(name) for name in _ENDPOINTS)
        if named and error.status in (NOT_FOUND, FORBIDDEN):
            return dict(os.environ)
        raise
    return store_environment(_read(StoreRef, profile["spec"]["store"], f"Profile {applied.profile}"))


def _applied(found: Plain) -> Applied:
    metadata, spec = found["metadata"], found.get("spec") or {}
    where = f"experiment {metadata['namespace']}/{metadata['name']}"
    return Applied(
        namespace=metadata["namespace"],
        name=metadata["name"],
        generation=metadata.get("generation", 0),
        profile=spec.get("profile") or DEFAULT_PROFILE,
        suspended=bool(spec.get("suspend")),
        execution=_read(Execution, spec.get("execution") or {}, f"{where}, spec.execution"),
        status=_read(ExperimentStatus, found.get("status") or {}, f"{where}, status"),
    )


def _read(model: type[Model], value: Plain, where: str) -> Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ClusterError(
            where,
            f"found what this version of assay cannot read ({error.errors()[0]['msg']})",
            "Use the version of assay that the cluster runs.",
        ) from error


def _check_namespace(kubectl: Kubectl, namespace: str) -> None:
    """Raise if a namespace is certainly not there; not everybody may ask."""
    try:
        kubectl.get("namespaces", namespace)
    except ClusterError as error:
        if error.status == NOT_FOUND:
            raise ClusterError(
                f"namespace {namespace}",
                "found no such namespace in the cluster, expected one",
                "Check -n/--namespace and --context; `kubectl get namespaces` lists them.",
                status=NOT_FOUND,
            ) from error
