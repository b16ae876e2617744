"""What the foreign kinds say alike of a workload: that it is held back, and by conditions how it ended."""

from assay.reconcile.facts import Phase, Sight
from assay.workloads.names import queue_of
from assay.workloads.objects import Object, clipped, condition, holds, reason


def held_back(workload: Object) -> str:
    """Say what a suspended workload waits for."""
    queue = queue_of(workload)
    return f"suspended: waits for queue {queue}" if queue else "suspended"


def running(waiting: str) -> Sight:
    """Return the sight of what has not ended; `waiting` says why it does not run yet, "" when it does."""
    return Sight(phase=Phase.RUNNING, waits=bool(waiting), note=waiting)


def by_conditions(workload: Object, *, done: str, waiting: str) -> Sight:
    """Judge a workload that ends with the condition `Failed` or `done`."""
    if holds(workload, "Failed"):
        return Sight(phase=Phase.ENDED, note=clipped(reason(condition(workload, "Failed"))))
    return Sight(phase=Phase.ENDED) if holds(workload, done) else running(waiting)
