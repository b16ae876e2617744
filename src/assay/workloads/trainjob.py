"""trainer.kubeflow.org/v1alpha1 TrainJob: carries train, one pod per node.

A TrainJob has no pod template: it names a runtime, sets its trainer, and patches some of its pods' fields. What it cannot set
(that nothing is tried again, that no token is mounted) stands in the runtime that is installed beside the operator
(`helm/assay/templates/trainer-runtime.yaml`, docs/decisions/0014). Read in Trainer v2.3.0; what decided the shape:

* The trainer's container is called `node`, in the runtime's job `node`; its variables are the trainer's, never a patch's. The
  Torch plugin adds PET_NNODES, PET_NPROC_PER_NODE, PET_NODE_RANK, PET_MASTER_ADDR and PET_MASTER_PORT, which torchrun reads
  in place of arguments, and refuses them from us.
* No patch sets a priority class. One could set the grace period, but Kueue 0.18.4, which writes whole TrainJobs as Trainer 2.2.1
  knew them, drops that field, and the suspended JobSet, which has it, may then not change: it would never run.
* There is no time to live, and the runtime must not give its JobSet one: a failed TrainJob whose JobSet is gone is made again
  (`removeFailedCondition`, then `reconcileObjects`), under the same attempt. It stays until its experiments are gone.
"""

from assay.api.execution import TrainExecution
from assay.api.profile import TrainPool
from assay.errors import SpecError
from assay.reconcile.facts import Sight
from assay.workloads.names import metadata
from assay.workloads.objects import Object, at, items, number
from assay.workloads.order import Order
from assay.workloads.pods import Size, container, near, program, template
from assay.workloads.sights import by_conditions, held_back
from assay.workloads.torchrun import variables

KIND = "TrainJob"
RUNTIME = "assay"  # a ClusterTrainingRuntime
NODE = "node"  # the runtime's job and its container, as Trainer wants them called
GRACE_SECONDS = 600  # as the runtime says; torchrun ends its processes earlier where the pool says less
_PATCHED = ("securityContext", "volumes", "nodeSelector", "tolerations")


def manifest(order: Order) -> Object:
    """Return the TrainJob to create.

    Raises:
        SpecError: the profile names no images.

    """
    pool = order.profile.pools.train
    execution = TrainExecution.model_validate(order.attempt.execution)
    size = Size(cpus=pool.cpus, memory_gib=pool.memory_gib, gpus=pool.gpus_per_node)
    one = container(order, NODE, size, env=variables(order))
    pod = near(template(order, pool, one, shared_memory_gib=pool.shared_memory_gib), pool)
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": KIND,
        "metadata": metadata(order, pool.queue),
        "spec": {
            "suspend": pool.queue is not None,
            "runtimeRef": {
                "apiGroup": "trainer.kubeflow.org",
                "kind": "ClusterTrainingRuntime",
                "name": RUNTIME,
            },
            "trainer": {
                "image": one["image"],
                "command": ["torchrun", "-m", *program(order)],
                "env": one["env"],
                "numNodes": execution.nodes,
                "numProcPerNode": execution.processes_per_node,
                "resourcesPerNode": one["resources"],
            },
            "runtimePatches": [{"manager": "assay.dev/operator", "trainingRuntimeSpec": _patch(pod)}],
        },
    }


def _patch(pod: Object) -> Object:
    [one] = pod["spec"]["containers"]
    spec = {name: pod["spec"][name] for name in _PATCHED if name in pod["spec"]}
    spec["containers"] = [
        {"name": NODE, "volumeMounts": one["volumeMounts"], "securityContext": one["securityContext"]}
    ]
    pods = {"metadata": pod["metadata"], "spec": spec}
    return {
        "template": {"spec": {"replicatedJobs": [{"name": NODE, "template": {"spec": {"template": pods}}}]}}
    }


def faults(pool: TrainPool) -> list[SpecError]:
    """Return what a pool asks for and no TrainJob can say."""
    found = []
    if pool.priority_class:
        found.append(
            SpecError(
                "profile spec.pools.train.priorityClass",
                f"found {pool.priority_class}, expected none: a TrainJob cannot set one",
                f"Leave it out; write it into the ClusterTrainingRuntime {RUNTIME}, for all trainings.",
            )
        )
    if pool.grace_seconds > GRACE_SECONDS:
        found.append(
            SpecError(
                "profile spec.pools.train.graceSeconds",
                f"found {pool.grace_seconds}, expected at most {GRACE_SECONDS}, which a TrainJob's pods have",
                f"Lower it, or use another kind of workload than {KIND}.",
            )
        )
    return found


def sight(workload: Object) -> Sight:
    """Say whether the TrainJob's program runs: it has ended once it is `Complete` or `Failed`, and never while suspended."""
    return by_conditions(workload, done="Complete", waiting=_waiting(workload))


def _waiting(workload: Object) -> str:
    if at(workload, "spec", "suspend") is True:
        return held_back(workload)
    ready = any(number(job, "ready") for job in items(workload, "status", "jobsStatus"))
    return "" if ready else "its pods do not run yet"
