"""Why a workload does not run, in one sentence for people: from its pods, and from Kueue's Workloads for it.

Kueue's Workloads are kueue.x-k8s.io/v1beta2; of an elastic RayJob there may be several. Conditions are read by type.
"""

from collections.abc import Iterable

from assay.workloads.objects import Object, at, clipped, condition, holds, items, reason, text

_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_NO_CONTAINER = frozenset(
    {"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"}
)


def explain(pods: list[Object], kueue_workloads: list[Object]) -> str:
    """Say why a workload does not run, in at most 300 characters; "" when it runs, or just starts."""
    live = [pod for pod in pods if _counts(pod)]
    runs = any(text(pod, "status", "phase") == "Running" for pod in live)
    quota = "" if runs else _first(map(_quota, kueue_workloads))
    return clipped(quota or _pods(live))


def warned(events: list[Object]) -> str:
    """Say what a controller warned of last (core/v1 Events), such as a quota or a class that lets it make no pod; "" if of nothing."""
    latest = max(events, key=lambda event: text(event, "lastTimestamp"), default=None)
    return clipped(f"{text(latest, 'reason')}: {text(latest, 'message')}") if latest else ""


def _counts(pod: Object) -> bool:
    """Leave out pods that have ended or are about to."""
    return at(pod, "metadata", "deletionTimestamp") is None and text(pod, "status", "phase") not in {
        "Succeeded",
        "Failed",
    }


def _quota(workload: Object) -> str:
    if holds(workload, "Finished") or holds(workload, "Admitted"):
        return ""
    where = _queue(workload)
    if at(workload, "spec", "active") is False:
        return f"{where}: paused, because its Workload is not active"
    if holds(workload, "QuotaReserved"):
        return f"{where}: has quota, waits for {_checks(workload) or 'admission checks'}"
    reserved = condition(workload, "QuotaReserved")
    waits = text(reserved, "message") or text(reserved, "reason") or "waits for quota"
    for lost in ("Preempted", "Evicted"):
        if holds(workload, lost):
            return f"{where}: {lost.lower()} ({reason(condition(workload, lost))}); {waits}"
    return f"{where}: {waits}"


def _queue(workload: Object) -> str:
    """Name the ClusterQueue where it is known, which is once quota is reserved, and else the LocalQueue."""
    cluster_queue = text(workload, "status", "admission", "clusterQueue")
    return (
        f"ClusterQueue {cluster_queue}" if cluster_queue else f"queue {text(workload, 'spec', 'queueName')}"
    )


def _checks(workload: Object) -> str:
    pending = [
        check for check in items(workload, "status", "admissionChecks") if text(check, "state") != "Ready"
    ]
    return ", ".join(
        " ".join(filter(None, (text(check, "name"), text(check, "message")))) for check in pending
    )


def _pods(pods: list[Object]) -> str:
    running = sum(text(pod, "status", "phase") == "Running" for pod in pods)
    if running == len(pods):
        return ""
    waiting = [pod for pod in pods if text(pod, "status", "phase") != "Running"]
    why = _first(map(_container, waiting)) or _first(map(_unscheduled, waiting))
    if not running:
        return why
    return f"{running} of {len(pods)} pods run" + (f"; {why}" if why else "")


def _first(sentences: Iterable[str]) -> str:
    return next(filter(None, sentences), "")


def _unscheduled(pod: Object) -> str:
    scheduled = condition(pod, "PodScheduled")
    if at(scheduled, "status") != "False":
        return ""
    return f"no node for pod {text(pod, 'metadata', 'name')}: {reason(scheduled)}"


def _container(pod: Object) -> str:
    statuses = items(pod, "status", "initContainerStatuses") + items(pod, "status", "containerStatuses")
    return _first(_container_waits(status) for status in statuses)


def _container_waits(status: Object) -> str:
    waiting = at(status, "state", "waiting")
    word = text(waiting, "reason")
    if word in _NO_IMAGE:
        return f"image {text(status, 'image')} cannot be pulled: {reason(waiting)}"
    if word in _NO_CONTAINER:
        return f"container {text(status, 'name')} cannot be made: {reason(waiting)}"
    return ""
