"""Kubernetes events: what a person would want to hear of, told after the status was written."""

from datetime import datetime
from typing import Any

from assay.adapters.cluster_api import ClusterApi, path_of

Plain = dict[str, Any]

_LONGEST_NOTE = 1000  # bytes; the API refuses more than 1 kB
_SHOWN = {  # (condition, its new status) → how it is told
    ("Accepted", "False"): "Warning",
    ("Planned", "True"): "Normal",
    ("Planned", "False"): "Warning",
    ("Progressing", "False"): "Warning",
    ("Complete", "True"): "Normal",
    ("Approved", "False"): "Normal",
    ("Approved", "True"): "Normal",
}
_UNREMARKABLE = frozenset({"NotAccepted", "Finished", "Suspended", "Pending", "AwaitingApproval"})


def announce(api: ClusterApi, found: Plain, before: Plain, after: Plain, now: datetime) -> None:
    """Tell of every condition that changed to something worth hearing."""
    for kind, reason, note in news(before, after):
        metadata = found["metadata"]
        api.create(
            path_of("events.k8s.io/v1", "events", metadata["namespace"]),
            {
                "apiVersion": "events.k8s.io/v1",
                "kind": "Event",
                "metadata": {"generateName": f"{metadata['name']}-", "namespace": metadata["namespace"]},
                "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "reportingController": "assay.dev/operator",
                "reportingInstance": "assay-operator",
                "action": "Reconcile",
                "type": kind,
                "reason": reason,
                "note": note.encode()[:_LONGEST_NOTE].decode(errors="ignore"),
                "regarding": {
                    "apiVersion": found["apiVersion"],
                    "kind": found["kind"],
                    "name": metadata["name"],
                    "namespace": metadata["namespace"],
                    "uid": metadata["uid"],
                },
            },
        )


def news(before: Plain, after: Plain) -> list[tuple[str, str, str]]:
    """Return (type, reason, note) for each condition that changed to something worth hearing."""
    old = {item["type"]: (item["status"], item["reason"]) for item in before.get("conditions", ())}
    told = []
    for item in after.get("conditions", ()):
        now = (item["status"], item["reason"])
        kind = _SHOWN.get((item["type"], item["status"]))
        if kind is None or old.get(item["type"]) == now or item["reason"] in _UNREMARKABLE:
            continue
        failed = item["reason"] == "StagesFailed"
        note = after.get("verdict") if item["reason"] == "AllDone" else None
        told.append(
            ("Warning" if failed else kind, item["reason"], note or item.get("message") or item["type"])
        )
    return told
