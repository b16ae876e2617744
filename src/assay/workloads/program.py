"""The pod of a program stage, both ways: a team's own command among assay's containers, and what the pod says of it.

No shell and no Python may be expected of a team's image, so nothing of ours runs in its container, and the kubelet is what puts one
thing after another: `read` and `program` are init containers, `stand-by` a sidecar that shows signs of life from before the command
until the pod ends, and `publish` the pod's container. How the command ended is in the pod's status, and nowhere else.
"""

import math
from typing import Any

from assay.artifacts.documents import INTERRUPTED, Failure
from assay.artifacts.exchange import CODE, program_failed, variables
from assay.errors import Retry
from assay.workloads.objects import Object, at, holds, items, number, text
from assay.workloads.order import Order
from assay.workloads.pods import (
    HOMELESS,
    SHARED_MEMORY,
    TMP,
    Size,
    container,
    hub_variables,
    image_of,
    program,
    quantity,
    resources,
    security,
    template,
    variable_list,
)

NAME = "program"  # of the command's container
DEADLINE_EXCEEDED = "DeadlineExceeded"  # the kubelet's word for it, and ours
DEFAULT = "kubectl.kubernetes.io/default-container"  # whose log `kubectl logs` prints

_EXCHANGE = {"name": "exchange", "mountPath": "/exchange"}
_STANDING_BY = Size(cpus=0.05, memory_gib=0.25)


def pod(order: Order) -> Object:
    """Return the pod's template.

    Raises:
        SpecError: the profile names no images.

    """
    pool = order.profile.pools.program
    size = Size(cpus=pool.cpus, memory_gib=pool.memory_gib)
    made = template(order, pool, _part(order, "publish", size))
    before = [
        _part(order, "read", size),
        _own(order, "stand-by", _STANDING_BY, restartPolicy="Always"),
        _command(order, Size(cpus=pool.cpus, memory_gib=pool.memory_gib, gpus=pool.gpus)),
    ]
    shared = {"medium": "Memory", "sizeLimit": quantity(pool.shared_memory_gib)}
    volumes = [
        *made["spec"]["volumes"],
        {"name": _EXCHANGE["name"], "emptyDir": {}},
        {"name": f"{NAME}-tmp", "emptyDir": {}},
        {"name": SHARED_MEMORY["name"], "emptyDir": shared},
    ]
    return {
        "metadata": {**made["metadata"], "annotations": {DEFAULT: NAME}},
        "spec": {**made["spec"], **_deadline(order), "initContainers": before, "volumes": volumes},
    }


def _deadline(order: Order) -> Object:
    """Return when the kubelet ends the pod: nothing of ours runs where a team's command does, to do it there."""
    hours = order.attempt.execution.get("deadlineHours")
    return {} if hours is None else {"activeDeadlineSeconds": math.ceil(hours * 3600)}


def runs(pod: Object) -> bool:
    """Say whether a pod has begun its work, though it is not ready before its last container runs."""
    return any(
        at(status, "state", "running") is not None for status in items(pod, "status", "initContainerStatuses")
    )


def ending(pods: list[Object]) -> Failure | None:
    """Say how the command ended, from all pods that there are of a Job that failed; None where it is not its doing.

    A pod that failed by itself stays; one that is gone was evicted, drained or deleted.
    """
    if any(text(one, "status", "reason") == DEADLINE_EXCEEDED for one in pods):
        return Failure(
            reason=DEADLINE_EXCEEDED,
            message="the program's pod: found that it has run for longer than its deadline, expected it to have ended by then. "
            "Raise execution.program.deadlineHours, or give it less to do; then ask for it again.",
            retry=Retry.NEVER,
        )
    if not pods or any(holds(one, "DisruptionTarget") for one in pods):
        return Failure(
            reason=INTERRUPTED,
            message="the program's pod: found it taken away, expected it to end. Nothing needs doing: another attempt follows.",
            retry=Retry.LATER,
        )
    for one in pods:
        for status in items(one, "status", "initContainerStatuses"):
            ended = at(status, "state", "terminated")
            if text(status, "name") != NAME or not number(ended, "exitCode"):
                continue
            if text(ended, "reason") == "OOMKilled":
                return Failure(
                    reason="OutOfMemory",
                    message="the program's command: found that it wants more than its pod's memory, expected less. "
                    "Have the Profile's pool program give more memoryGib.",
                    retry=Retry.LATER,
                )
            error = program_failed(number(ended, "exitCode"), text(ended, "message"))
            return Failure(reason=error.reason, message=str(error), retry=error.retry)
    return None


def _own(order: Order, part: str, size: Size, **members: Any) -> Object:
    one = container(order, part, size, command=["python", "-m", *program(order)], **members)
    return {**one, "env": [*one["env"], {"name": "ASSAY_PART", "value": part}]}


def _part(order: Order, part: str, size: Size) -> Object:
    """Return a container of assay's that meets the command in a folder; what it downloads lies where it is moved to."""
    own = _own(order, part, size)
    told = {"ASSAY_EXCHANGE": _EXCHANGE["mountPath"], "TMPDIR": _EXCHANGE["mountPath"]}
    return {
        **own,
        "env": [*own["env"], *variable_list(told)],
        "volumeMounts": [*own["volumeMounts"], dict(_EXCHANGE)],
    }


def _command(order: Order, size: Size) -> Object:
    """Return the container of a team's image: with no credential, and no mount that holds any."""
    exchange = _EXCHANGE["mountPath"]
    threads = int(order.attempt.execution.get("threads", 1))
    spec = order.spec
    return {
        "name": NAME,
        "image": spec.get("image", image_of(order)),  # a dry run's order has no spec
        # as written: the kubelet would replace what looks like one of its references
        "command": [word.replace("$", "$$") for word in spec.get("command", ())],
        **({"workingDir": f"{exchange}/{CODE}"} if "code" in spec else {}),
        "env": variable_list({**HOMELESS, **hub_variables(order), **variables(exchange, threads)}),
        "resources": resources(size),
        "securityContext": security(),
        "volumeMounts": [
            {"name": f"{NAME}-tmp", "mountPath": TMP["mountPath"]},
            dict(_EXCHANGE),
            dict(SHARED_MEMORY),
        ],
    }
