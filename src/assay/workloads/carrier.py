"""Which foreign object carries which kind of stage."""

from collections.abc import Callable
from dataclasses import dataclass

from assay.api.profile import Pool, ProfileSpec
from assay.artifacts.kinds import Kind
from assay.errors import SpecError
from assay.reconcile.facts import Sight
from assay.workloads import job, pytorchjob, rayjob, trainjob
from assay.workloads.objects import Object, at
from assay.workloads.order import Order


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """One kind of foreign object, in both directions."""

    api_version: str
    kind: str
    plural: str  # in the API's paths
    manifest: Callable[[Order], Object]
    sight: Callable[[Object], Sight]
    suspend: tuple[str, ...]  # the path of the field that a queue's manager sets


JOB = Carrier(
    api_version="batch/v1",
    kind="Job",
    plural="jobs",
    manifest=job.manifest,
    sight=job.sight,
    suspend=("spec", "suspend"),
)
RAYJOB = Carrier(
    api_version="ray.io/v1",
    kind="RayJob",
    plural="rayjobs",
    manifest=rayjob.manifest,
    sight=rayjob.sight,
    suspend=("spec", "suspend"),
)
PYTORCHJOB = Carrier(
    api_version="kubeflow.org/v1",
    kind="PyTorchJob",
    plural="pytorchjobs",
    manifest=pytorchjob.manifest,
    sight=pytorchjob.sight,
    suspend=("spec", "runPolicy", "suspend"),
)
TRAINJOB = Carrier(
    api_version="trainer.kubeflow.org/v1alpha1",
    kind=trainjob.KIND,
    plural="trainjobs",
    manifest=trainjob.manifest,
    sight=trainjob.sight,
    suspend=("spec", "suspend"),
)
CARRIERS = (JOB, RAYJOB, PYTORCHJOB, TRAINJOB)  # all that is to be watched
_TRAINING = {carrier.kind: carrier for carrier in (PYTORCHJOB, RAYJOB, TRAINJOB)}


def is_suspended(workload: Object) -> bool:
    """Say whether an object of a kind that carries attempts is held back."""
    carrier = next((item for item in CARRIERS if item.kind == workload.get("kind")), None)
    return carrier is not None and at(workload, *carrier.suspend) is True


def carrier_of(kind: Kind, profile: ProfileSpec) -> Carrier:
    """Return what carries a stage of this kind."""
    if kind is Kind.TRAIN:
        return _TRAINING[profile.pools.train.workload]
    return RAYJOB if kind is Kind.CLEAN else JOB


def carriers_of(kind: Kind, profile: ProfileSpec) -> list[Carrier]:
    """Return all that may carry a stage of this kind, the profile's own first: it may have been another when it began."""
    chosen = carrier_of(kind, profile)
    others = _TRAINING.values() if kind is Kind.TRAIN else ()
    return [chosen, *(carrier for carrier in others if carrier is not chosen)]


def pool_of(kind: Kind, profile: ProfileSpec) -> Pool:
    """Return the nodes that stages of a kind run on."""
    pools: dict[Kind, Pool] = {
        Kind.CLEAN: profile.pools.clean,
        Kind.TRAIN: profile.pools.train,
        Kind.PROGRAM: profile.pools.program,
    }
    return pools.get(kind, profile.pools.evaluate)


def cluster_faults(profile: ProfileSpec) -> list[SpecError]:
    """Return what keeps a profile that may serve a laptop from serving a cluster; none when nothing does."""
    faults = []
    if profile.images is None:
        faults.append(
            SpecError(
                "profile spec.images",
                "found none, expected the images of the programs",
                "Name them, with their digests, in the Profile.",
            )
        )
    if not profile.store.uri.startswith("s3://"):
        faults.append(
            SpecError(
                "profile spec.store.uri",
                f"found {profile.store.uri}, expected s3://bucket/prefix, which every pod reaches",
                "Name a bucket.",
            )
        )
    if profile.store.secret is None:
        faults.append(
            SpecError(
                "profile spec.store.secret",
                "found none, expected the Secret that holds accessKey and secretKey of the store",
                "Make the Secret in the Profile's namespace, and name it.",
            )
        )
    if carrier_of(Kind.TRAIN, profile) is TRAINJOB:
        faults += trainjob.faults(profile.pools.train)
    return faults
