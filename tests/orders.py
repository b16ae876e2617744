"""Orders for workloads, on a platform with GPUs and queues and on one without."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from assay.api.execution import Execution
from assay.api.profile import ProfileSpec
from assay.artifacts.documents import ArtifactRef, Attempt
from assay.artifacts.kinds import Kind
from assay.workloads.execution import settled_execution
from assay.workloads.order import Order, Owner

FINGERPRINT = "0123456789abcdef" * 4
CLAIMED = datetime(2030, 1, 1, 12, tzinfo=UTC)
PROGRAM = {
    "image": f"registry.example/team/trainer@sha256:{'3' * 64}",
    "command": ["python", "train.py"],
    "code": {"uri": f"sha256:{'4' * 64}"},
    "output": "model",
}
IMAGES = {
    kind: f"registry.example/assay/{kind}@sha256:{digit * 64}"
    for kind, digit in (("clean", "0"), ("train", "1"), ("evaluate", "2"))
}


def a_gpu_profile(**spec: Any) -> ProfileSpec:
    """Return a profile with two nodes of eight GPUs behind Kueue."""
    gpus = {
        "selector": {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "queue": "gpu",
        "priorityClass": "research",
    }
    whole = {
        "store": {
            "uri": "s3://assay/research",
            "endpoint": "https://store.example:9000",
            "region": "eu-central-1",
            "secret": "assay-store",
        },
        "images": IMAGES,
        "pools": {
            "clean": {"maxWorkers": 16, "cpus": 8, "memoryGib": 32, "queue": "cpu"},
            "train": {
                **gpus,
                "nodes": 2,
                "gpusPerNode": 8,
                "cpus": 96,
                "memoryGib": 900,
                "sharedMemoryGib": 64,
                "topology": {"level": "cloud.provider.com/topology-rack"},
                "environment": {"NCCL_DEBUG": "WARN", "HOME": "/not/taken"},
                "graceSeconds": 900,
            },
            "evaluate": {**gpus, "gpus": 1, "cpus": 16, "memoryGib": 120},
            "program": {**gpus, "gpus": 8, "cpus": 64, "memoryGib": 600, "sharedMemoryGib": 32},
        },
        "limits": {"hubAccess": True},
        **spec,
    }
    return ProfileSpec.model_validate(whole)


def a_cpu_profile(**spec: Any) -> ProfileSpec:
    """Return a small profile: no GPUs, no queues, and what pools are by default."""
    whole = {"store": {"uri": "s3://assay/small", "secret": "assay-store"}, "images": IMAGES, **spec}
    return ProfileSpec.model_validate(whole)


def trained_by(workload: str, profile: ProfileSpec) -> ProfileSpec:
    """Return the profile with another kind of workload for trainings; a TrainJob has no priority class, and less grace."""
    pool = profile.pools.train.model_copy(update={"workload": workload})
    if workload == "TrainJob":
        pool = pool.model_copy(update={"priority_class": None, "grace_seconds": 600})
    return profile.model_copy(update={"pools": profile.pools.model_copy(update={"train": pool})})


PROFILES = {"gpu-queued": a_gpu_profile(), "cpu-plain": a_cpu_profile()}
TRAININGS = {
    f"{name}-{workload.lower()}": trained_by(workload, profile)
    for name, profile in PROFILES.items()
    for workload in ("RayJob", "TrainJob")
}


def an_order(
    kind: Kind = Kind.TRAIN,
    profile: ProfileSpec | None = None,
    *,
    number: int = 1,
    fingerprint: str = FINGERPRINT,
    execution: dict[str, Any] | None = None,
) -> Order:
    """Return an order for a stage of this kind; `execution` is what the experiment asks for."""
    profile = profile or a_cpu_profile()
    settled = settled_execution(Execution.model_validate(execution or {}), profile)
    return Order(
        ref=ArtifactRef(f"{kind.value}/{fingerprint}"),
        attempt=Attempt(
            number=number,
            owner="cluster/research/operator",
            claimed_at=CLAIMED,
            execution=settled.get(kind.value, {}),
        ),
        store_uri=profile.store.uri,
        namespace="research",
        owner=Owner(name="poison", uid="7d1f3a52-0000-4000-8000-000000000001"),
        profile=profile,
        spec=PROGRAM if kind is Kind.PROGRAM else {},
    )


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a tree."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)
