"""The pods of an attempt, and what they print, by kubectl."""

from assay.adapters.kubectl import Kubectl, Plain
from assay.artifacts.documents import ArtifactRef
from assay.workloads.names import ATTEMPT, STAGE, labels
from assay.workloads.objects import items, text
from assay.workloads.waiting import explain

_ROLE, _INDEX = "training.kubeflow.org/replica-type", "training.kubeflow.org/replica-index"
_NO_RAY_NODE = (
    "!ray.io/node-type"  # a RayJob's submitter prints what the program prints; its nodes print Ray's affairs
)


class AttemptPods:
    """The pods of one attempt that print what its program prints, the leading one first."""

    def __init__(self, kubectl: Kubectl, namespace: str, ref: ArtifactRef, number: int) -> None:
        self._kubectl = kubectl
        self._place = f"--namespace={namespace}"
        known = labels(ref, number)
        self._selector = ",".join((f"{STAGE}={known[STAGE]}", f"{ATTEMPT}={known[ATTEMPT]}", _NO_RAY_NODE))
        self._pods = in_order(
            items(kubectl.get("pods", f"--selector={self._selector}", self._place), "items")
        )

    @property
    def names(self) -> list[str]:
        """Name those that have begun to print."""
        return [text(pod, "metadata", "name") for pod in self._pods if began(pod)]

    @property
    def waits(self) -> str | None:
        """Say why none has begun, if there are any and none has."""
        if not self._pods or self.names:
            return None
        return explain(self._pods, []) or "its pods start"

    def show(self, name: str) -> None:
        """Print what a pod has printed."""
        self._kubectl.show_logs(name, self._place)

    def follow(self) -> None:
        """Print what all of them print until they end, each line with its pod where there are several."""
        if len(self._pods) == 1:
            self._kubectl.show_logs(self.names[0], self._place, "--follow")
            return
        several = (f"--max-log-requests={len(self._pods)}", "--prefix", "--tail=-1")
        self._kubectl.show_logs(f"--selector={self._selector}", self._place, "--follow", *several)


def in_order(pods: list[Plain]) -> list[Plain]:
    """Return pods in the order in which people read them: a Master before its Workers, else as they were made."""

    def place(pod: Plain) -> tuple[bool, int, str]:
        index = text(pod, "metadata", "labels", _INDEX)
        role = text(pod, "metadata", "labels", _ROLE)
        made = text(pod, "metadata", "creationTimestamp")
        return role == "worker", int(index) if index.isdecimal() else 0, made

    return sorted(pods, key=place)


def began(pod: Plain) -> bool:
    """Say whether a pod's program was ever started, so that there is something to print."""
    states = [status.get("state") or {} for status in items(pod, "status", "containerStatuses")]
    return any("running" in state or "terminated" in state for state in states)
