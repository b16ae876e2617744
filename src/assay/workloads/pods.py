"""What all pods have in common: a program that may do nothing but compute, reach its store, and write below /tmp.

Requests and limits. Memory is requested as it is limited: it cannot be taken back, so a pod that was promised less than it
may use is killed for its neighbours' sake. Cores are requested and not limited: the number of threads is set, a limit would
only throttle them in every period of 100 ms in which they are busy at once, while the node's other cores are idle.
"""

import math
from dataclasses import dataclass
from typing import Any

from assay.api.profile import Pool, TrainPool
from assay.artifacts.documents import Origin
from assay.artifacts.environment import ORIGIN
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import stage_key
from assay.errors import SpecError
from assay.workloads.names import labels, workload_name
from assay.workloads.objects import Object
from assay.workloads.order import Order

USER = 65532  # nobody's number on a node; owns nothing in an image
GPU = "nvidia.com/gpu"
GRACE_SECONDS = 30  # for programs that have nothing to upload when they are asked to end
KEPT_SECONDS = 3600  # a finished workload stays this long, for `kubectl logs`

TMP = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108 -- an emptyDir, and all that can be written
SHARED_MEMORY = {"name": "shared-memory", "mountPath": "/dev/shm"}  # noqa: S108 -- an emptyDir

HOMELESS = {"HOME": TMP["mountPath"], "USER": "assay"}  # for a user whom no /etc/passwd knows

_ACCESS_KEY, _SECRET_KEY = "accessKey", "secretKey"  # what a Profile's Secret holds


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one container takes."""

    cpus: float
    memory_gib: float
    gpus: int = 0


def image_of(order: Order) -> str:
    """Return the image that holds the program of the stage's kind.

    Raises:
        SpecError: the profile names none.

    """
    images = order.profile.images
    if images is None:
        raise SpecError(
            "profile spec.images",
            "found none, expected the images of the programs",
            "Name them, with their digests, in the Profile.",
        )
    return {Kind.CLEAN: images.clean, Kind.TRAIN: images.train}.get(order.ref.kind, images.evaluate)


def program(order: Order) -> list[str]:
    """Return the program's module and arguments, to put behind `python -m`."""
    stage = f"{order.store_uri.rstrip('/')}/{stage_key(order.ref)}"
    return [
        f"assay_pipelines.{order.ref.kind.value}",
        "--stage",
        stage,
        "--attempt",
        str(order.attempt.number),
    ]


def environment(order: Order) -> list[Object]:
    """Return what a program reads from its environment; credentials by reference, never by value."""
    store = order.profile.store
    variables = {
        **HOMELESS,
        **hub_variables(order),
        "OMP_NUM_THREADS": str(order.attempt.execution.get("threads", 1)),
        "OPENBLAS_NUM_THREADS": "1",
        ORIGIN: _origin(order),
        "PYTHONUNBUFFERED": "1",
    }
    if store.endpoint:
        variables["AWS_ENDPOINT_URL"] = store.endpoint
    if store.region:
        variables["AWS_REGION"] = store.region
    return [*variable_list(variables), *_credentials(store.secret)]


def hub_variables(order: Order) -> dict[str, str]:
    """Return what keeps the Hugging Face libraries from a hub, unless the profile allows one."""
    offline = "0" if order.profile.limits.hub_access else "1"
    return dict.fromkeys(("HF_DATASETS_OFFLINE", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"), offline)


def _origin(order: Order) -> str:
    name = workload_name(order.ref, order.attempt.number)
    return Origin(image=image_of(order), namespace=order.namespace, workload=name).encode().decode()


def variable_list(variables: dict[str, str]) -> list[Object]:
    """Return variables as a container lists them, by name."""
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _credentials(secret: str | None) -> list[Object]:
    if secret is None:
        return []
    keys = {"AWS_ACCESS_KEY_ID": _ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": _SECRET_KEY}
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        for name, key in keys.items()
    ]


def resources(size: Size) -> Object:
    """Return requests and limits."""
    memory, gpus = quantity(size.memory_gib), {GPU: str(size.gpus)} if size.gpus else {}
    return {
        "requests": {"cpu": f"{size.cpus:g}", "memory": memory, **gpus},
        "limits": {"memory": memory, **gpus},
    }


def quantity(gib: float) -> str:
    """Return an amount of memory as Kubernetes writes it, rounded up to whole MiB."""
    mebibytes = math.ceil(gib * 1024)
    return f"{mebibytes // 1024}Gi" if mebibytes % 1024 == 0 else f"{mebibytes}Mi"


def container(order: Order, name: str, size: Size, **members: Any) -> Object:
    """Return a container of the stage's image that may write to /tmp alone; `members` are added, or replace others."""
    return {
        "name": name,
        "image": image_of(order),
        "env": environment(order),
        "resources": resources(size),
        "securityContext": security(),
        "volumeMounts": [dict(TMP)],
        **members,
    }


def security() -> Object:
    """Return a container's security context: the restricted Pod Security Standard, on a root that is read-only."""
    return {
        **_nobody(),
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _nobody() -> Object:
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def template(
    order: Order,
    pool: Pool,
    one: Object,
    *,
    grace_seconds: int = GRACE_SECONDS,
    shared_memory_gib: float | None = None,
) -> Object:
    """Return a pod template around one container, on the pool's nodes, without a service account's token.

    What is written to /dev/shm, where it has a size, counts towards the container's memory.
    """
    volumes: list[Object] = [{"name": "tmp", "emptyDir": {}}]
    if shared_memory_gib is not None:
        memory = {"medium": "Memory", "sizeLimit": quantity(shared_memory_gib)}
        volumes.append({"name": SHARED_MEMORY["name"], "emptyDir": memory})
        one = {**one, "volumeMounts": [*one["volumeMounts"], dict(SHARED_MEMORY)]}
    spec: Object = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": {**_nobody(), "fsGroup": USER},
        "containers": [one],
        "volumes": volumes,
    }
    if pool.selector:
        spec["nodeSelector"] = dict(pool.selector)
    if pool.tolerations:
        spec["tolerations"] = [
            toleration.model_dump(mode="json", by_alias=True, exclude_none=True)
            for toleration in pool.tolerations
        ]
    if pool.priority_class:
        spec["priorityClassName"] = pool.priority_class
    return {"metadata": {"labels": labels(order.ref, order.attempt.number)}, "spec": spec}


def near(pod: Object, pool: TrainPool, *, group: str | None = None) -> Object:
    """Return a pod template whose pods Kueue puts as near to each other as the pool says.

    Templates of one `group` are placed together; Kueue lets two be in one, if either has a single pod.
    """
    if pool.topology is None:
        return pod
    wish = "required" if pool.topology.required else "preferred"
    annotations = {f"kueue.x-k8s.io/podset-{wish}-topology": pool.topology.level}
    if group is not None:
        annotations["kueue.x-k8s.io/podset-group-name"] = group
    return {**pod, "metadata": {**pod["metadata"], "annotations": annotations}}
