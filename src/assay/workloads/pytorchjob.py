"""kubeflow.org/v1 PyTorchJob: carries train, one pod per node, of which the first is the Master.

The training operator (read at v1.9.4, `pkg/controller.v1/pytorch/envvar.go`) sets PET_NNODES, PET_NPROC_PER_NODE,
PET_NODE_RANK, PET_MASTER_ADDR and PET_MASTER_PORT, which torchrun reads in place of arguments. It also sets RANK, to the
number of the *node*, and WORLD_SIZE; a program must not see them as they are, so torchrun starts it even when it is alone.
A container's first process has no default for SIGTERM, and torchrun, which imports for seconds before it handles it, would
stay for all of its grace; so the pod's containers share a namespace of processes, whose first is the pod's own.
PYTHONUNBUFFERED is the operator's too. It gives Workers, not the Master, an init container of its own, on which the
cluster's owner decides (`--pytorch-init-container-template-file`): nothing here can restrict that one.
"""

from assay.api.execution import TrainExecution
from assay.reconcile.facts import Sight
from assay.workloads.names import metadata
from assay.workloads.objects import Object, at, holds
from assay.workloads.order import Order
from assay.workloads.pods import KEPT_SECONDS, Size, container, near, program, template
from assay.workloads.sights import by_conditions, held_back
from assay.workloads.torchrun import variables

CONTAINER = "pytorch"  # the operator's webhook demands this name


def manifest(order: Order) -> Object:
    """Return the PyTorchJob to create.

    Raises:
        SpecError: the profile names no images.

    """
    pool = order.profile.pools.train
    execution = TrainExecution.model_validate(order.attempt.execution)
    replicas = {"Master": 1} | ({"Worker": execution.nodes - 1} if execution.nodes > 1 else {})
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": metadata(order, pool.queue),
        "spec": {
            "nprocPerNode": str(execution.processes_per_node),
            "runPolicy": {
                "suspend": pool.queue is not None,
                "backoffLimit": 0,
                "cleanPodPolicy": "Running",
                "ttlSecondsAfterFinished": KEPT_SECONDS,
            },
            "pytorchReplicaSpecs": {
                role: {"replicas": count, "restartPolicy": "Never", "template": _template(order, execution)}
                for role, count in replicas.items()
            },
        },
    }


def _template(order: Order, execution: TrainExecution) -> Object:
    pool = order.profile.pools.train
    one = container(
        order,
        CONTAINER,
        Size(cpus=pool.cpus, memory_gib=pool.memory_gib, gpus=pool.gpus_per_node),
        command=["torchrun", "-m", *program(order)],
        env=[one for one in variables(order) if one["name"] != "PYTHONUNBUFFERED"],
    )
    pod = template(
        order, pool, one, grace_seconds=pool.grace_seconds, shared_memory_gib=pool.shared_memory_gib
    )
    pod = {**pod, "spec": {**pod["spec"], "shareProcessNamespace": True}}
    return near(pod, pool, group=CONTAINER if execution.nodes > 1 else None)


def sight(workload: Object) -> Sight:
    """Say whether the PyTorchJob's program runs; a suspended or restarting one has not ended."""
    return by_conditions(workload, done="Succeeded", waiting=_waiting(workload))


def _waiting(workload: Object) -> str:
    if at(workload, "spec", "runPolicy", "suspend") is True:
        return held_back(workload)
    return "" if holds(workload, "Running") else "its pods do not run yet"
