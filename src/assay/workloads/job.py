"""batch/v1 Job: carries generate, evaluate and compare, one pod each.

Kubernetes tries nothing twice (`backoffLimit` 0), and replaces no pod before it is gone for good (`podReplacementPolicy`):
every restart is a new attempt of ours.
"""

from assay.artifacts.kinds import Kind
from assay.reconcile.facts import Sight
from assay.workloads.names import metadata
from assay.workloads.objects import Object, at, number
from assay.workloads.order import Order
from assay.workloads.pods import KEPT_SECONDS, Size, container, program, template
from assay.workloads.sights import by_conditions, held_back

_COMPARE = Size(cpus=1, memory_gib=4)  # scores and outcomes of one comparison; no model


def manifest(order: Order) -> Object:
    """Return the Job to create.

    Raises:
        SpecError: the profile names no images.

    """
    pool = order.profile.pools.evaluate
    size = Size(cpus=pool.cpus, memory_gib=pool.memory_gib, gpus=pool.gpus)
    if order.ref.kind is Kind.COMPARE:
        size = Size(cpus=_COMPARE.cpus, memory_gib=min(_COMPARE.memory_gib, pool.memory_gib))
    one = container(order, order.ref.kind.value, size, command=["python", "-m", *program(order)])
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(order, pool.queue),
        "spec": {
            "suspend": pool.queue is not None,
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": template(order, pool, one),
        },
    }


def sight(workload: Object) -> Sight:
    """Say whether the Job's program runs: it has ended once the Job is `Complete` or `Failed`, not while pods still go."""
    return by_conditions(workload, done="Complete", waiting=_waiting(workload))


def _waiting(workload: Object) -> str:
    if at(workload, "spec", "suspend") is True:
        return held_back(workload)
    return "" if number(workload, "status", "ready") else "its pod is not ready yet"
