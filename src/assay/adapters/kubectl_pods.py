"""The pods of an attempt, and what they print, by kubectl."""

from assay.adapters.kubectl import Kubectl, Plain
from assay.artifacts.documents import ArtifactRef
from assay.workloads.names import ATTEMPT, STAGE, labels
from assay.workloads.objects import items, text
from assay.workloads.program import DEFAULT
from assay.workloads.waiting import explain

_ROLE = "training.kubeflow.org/replica-type"
_INDICES = ("training.kubeflow.org/replica-index", "batch.kubernetes.io/job-completion-index")
_RAY_NODE = "ray.io/node-type"


class AttemptPods:
    """The pods of one attempt that print what its program prints, the leading one first.

    A RayJob's submitter prints what the program prints; the nodes of its cluster print Ray's affairs.
    """

    def __init__(self, kubectl: Kubectl, namespace: str, ref: ArtifactRef, number: int) -> None:
        self._kubectl = kubectl
        self._place = f"--namespace={namespace}"
        known = labels(ref, number)
        self._selector = f"{STAGE}={known[STAGE]},{ATTEMPT}={known[ATTEMPT]}"
        found = kubectl.get("pods", f"--selector={self._selector}", self._place)
        self._all = items(found, "items")
        self._printing = in_order([pod for pod in self._all if prints(pod)])

    @property
    def names(self) -> list[str]:
        """Name those that print, or have."""
        return [text(pod, "metadata", "name") for pod in self._printing]

    @property
    def waits(self) -> str | None:
        """Say why none prints, if there are any pods and none does."""
        if not self._all or self._printing:
            return None
        return explain(self._all, []) or "they start"

    def show(self, name: str) -> None:
        """Print what a pod has printed."""
        self._kubectl.show_logs(name, self._place)

    def follow(self) -> None:
        """Print what all of them print until they end, each line with its pod where there are several."""
        if len(self._printing) == 1:
            self._kubectl.show_logs(self.names[0], self._place, "--follow")
            return
        several = (f"--max-log-requests={len(self._all)}", "--prefix", "--tail=-1")
        printing = f"--selector={self._selector},!{_RAY_NODE}"
        self._kubectl.show_logs(printing, self._place, "--follow", *several)


def in_order(pods: list[Plain]) -> list[Plain]:
    """Return pods in the order in which people read them: a Master before its Workers, nodes by number, else as they were made."""

    def place(pod: Plain) -> tuple[bool, int, str]:
        index = "".join(text(pod, "metadata", "labels", name) for name in _INDICES)
        role = text(pod, "metadata", "labels", _ROLE)
        made = text(pod, "metadata", "creationTimestamp")
        return role == "worker", int(index) if index.isdecimal() else 0, made

    return sorted(pods, key=place)


def prints(pod: Plain) -> bool:
    """Say whether a pod prints what the program prints, and has been started."""
    if text(pod, "metadata", "labels", _RAY_NODE):
        return False
    statuses = items(pod, "status", "containerStatuses")
    if name := text(pod, "metadata", "annotations", DEFAULT):
        every = [*items(pod, "status", "initContainerStatuses"), *statuses]
        statuses = [status for status in every if text(status, "name") == name]
    states = [status.get("state") or {} for status in statuses]
    return any("running" in state or "terminated" in state for state in states)
