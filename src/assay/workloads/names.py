"""What a workload is called, and what it says of itself: whose attempt it carries, and who wants it.

A name holds 100 of a fingerprint's 256 bits, so the annotations hold all of it, and the claim; both are compared before a
workload that is already there is taken for one's own.
"""

import base64
import re
from datetime import UTC

from assay.artifacts.documents import ArtifactRef, Attempt
from assay.artifacts.kinds import Kind
from assay.workloads.objects import Object, at
from assay.workloads.order import Order, Owner

MANAGER = "assay"
MANAGED_BY = "app.kubernetes.io/managed-by"
KIND = "assay.dev/kind"
STAGE = "assay.dev/stage"
ATTEMPT = "assay.dev/attempt"  # a label, for finding an attempt's pods, and an annotation
ARTIFACT = "assay.dev/artifact"
CLAIM = "assay.dev/claim"
QUEUE = "kueue.x-k8s.io/queue-name"

_EXPERIMENT = {"apiVersion": "assay.dev/v1alpha1", "kind": "Experiment"}
_REF = re.compile(rf"({'|'.join(Kind)})/[0-9a-f]{{64}}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


def stage_name(ref: ArtifactRef) -> str:
    """Return the first 100 bits of the fingerprint: 20 characters of base32, lower case."""
    return base64.b32encode(bytes.fromhex(ref.fingerprint))[:20].decode().lower()


def workload_name(ref: ArtifactRef, number: int) -> str:
    """Return `<kind>-<20 base32>-<number>`.

    It is a DNS-1035 label (PyTorchJobs and RayJobs demand one) of at most 39 characters for numbers below 10⁹; a RayJob's
    name may have 47.
    """
    return f"{ref.kind.value}-{stage_name(ref)}-{number}"


def labels(ref: ArtifactRef, number: int) -> dict[str, str]:
    """Return the labels of a workload and of its pods; those of stage and attempt find an attempt's pods, whatever made them."""
    return {
        MANAGED_BY: MANAGER,
        KIND: ref.kind.value,
        STAGE: stage_name(ref),
        ATTEMPT: str(number),
    }


def claim_of(attempt: Attempt) -> str:
    """Return who claimed the attempt, and when: no two claims are the same."""
    return f"{attempt.owner} {attempt.claimed_at.astimezone(UTC).isoformat()}"


def carries(workload: Object, ref: ArtifactRef, attempt: Attempt) -> bool:
    """Say whether an object that exists carries this attempt under this claim, and not one that happens to share its name."""
    notes = at(workload, "metadata", "annotations")
    return attempt_of(workload) == (ref, attempt.number) and at(notes, CLAIM) == claim_of(attempt)


def attempt_of(workload: Object) -> tuple[ArtifactRef, int] | None:
    """Return the stage and the number of the attempt that an object carries; None when it is none of ours."""
    notes = at(workload, "metadata", "annotations")
    ref, number = at(notes, ARTIFACT), at(notes, ATTEMPT)
    if not isinstance(ref, str) or not isinstance(number, str):
        return None
    if not _REF.fullmatch(ref) or not _NUMBER.fullmatch(number):
        return None
    return ArtifactRef(ref), int(number)


def owner_reference(owner: Owner) -> Object:
    """Return what an experiment that wants a workload adds to `metadata.ownerReferences`.

    Experiments share workloads, and an object has at most one controller, so none of them is it. The workload goes when the
    last of them is gone. Nobody's deletion waits for it (`blockOwnerDeletion`), which would also need the right to update
    the finalizers of experiments.
    """
    return {
        **_EXPERIMENT,
        "name": owner.name,
        "uid": owner.uid,
        "controller": False,
        "blockOwnerDeletion": False,
    }


def metadata(order: Order, queue: str | None) -> Object:
    """Return a workload's metadata; with a queue, Kueue alone decides when it runs."""
    number = order.attempt.number
    return {
        "name": workload_name(order.ref, number),
        "namespace": order.namespace,
        "labels": labels(order.ref, number) | ({QUEUE: queue} if queue else {}),
        "annotations": {
            ARTIFACT: str(order.ref),
            ATTEMPT: str(number),
            CLAIM: claim_of(order.attempt),
        },
        "ownerReferences": [owner_reference(order.owner)],
    }


def queue_of(workload: Object) -> str:
    """Return the LocalQueue that a workload waits in; "" when none."""
    queue = at(workload, "metadata", "labels", QUEUE)
    return queue if isinstance(queue, str) else ""
