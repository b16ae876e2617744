"""Which foreign object carries which kind of stage."""

from collections.abc import Callable
from dataclasses import dataclass

from assay.api.profile import Pool, ProfileSpec
from assay.artifacts.kinds import Kind
from assay.errors import SpecError
from assay.reconcile.facts import Sight
from assay.workloads import job, pytorchjob, rayjob
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
CARRIERS = (JOB, RAYJOB, PYTORCHJOB)  # all that is to be watched


def is_suspended(workload: Object) -> bool:
    """Say whether an object of a kind that carries attempts is held back."""
    carrier = next((item for item in CARRIERS if item.kind == workload.get("kind")), None)
    return carrier is not None and at(workload, *carrier.suspend) is True


def carrier_of(kind: Kind, profile: ProfileSpec) -> Carrier:
    """Return what carries a stage of this kind.

    Raises:
        SpecError: the profile asks for what this version cannot make.

    """
    if kind is Kind.CLEAN:
        return RAYJOB
    if kind is not Kind.TRAIN:
        return JOB
    workload = profile.pools.train.workload
    if workload != PYTORCHJOB.kind:
        raise SpecError(
            "profile spec.pools.train.workload",
            f"found {workload}, expected {PYTORCHJOB.kind}, the only one that this version can make",
            f"Write {PYTORCHJOB.kind}, and install the training operator.",
        )
    return PYTORCHJOB


def pool_of(kind: Kind, profile: ProfileSpec) -> Pool:
    """Return the nodes that stages of a kind run on."""
    pools: dict[Kind, Pool] = {Kind.CLEAN: profile.pools.clean, Kind.TRAIN: profile.pools.train}
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
    for name, limit in (
        ("gpuHours", profile.limits.gpu_hours),
        ("approvalGpuHours", profile.limits.approval_gpu_hours),
    ):
        if limit is not None:
            faults.append(
                SpecError(
                    f"profile spec.limits.{name}",
                    f"found {limit:g}, expected none: this version does not count GPU-hours",
                    "Leave it out, and limit by a queue's quota.",
                )
            )
    try:
        carrier_of(Kind.TRAIN, profile)
    except SpecError as fault:
        faults.append(fault)
    return faults
