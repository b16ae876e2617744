"""`kubectl assay approve`: agree that the plan which awaits approval is carried out."""

from assay.cli.terminal import say
from assay.errors import ClusterError
from assay.reconcile.terms import APPROVAL_REQUIRED
from assay.settings.kubectl import Applied, approve, connect, find


def main(flags: tuple[str, ...], name: str, *, comment: str | None) -> None:
    """Print what is approved, and create the Approval."""
    kubectl = connect(flags)
    applied = find(kubectl, name)
    digest, asked = awaiting(applied)
    say(f"{applied}: {asked}")
    approve(kubectl, applied, digest, comment)
    say(f"Approved. `kubectl assay status {applied.name}` says how it goes on.")


def awaiting(applied: Applied) -> tuple[str, str]:
    """Return the digest of the plan that awaits approval, and what the operator says of it.

    Raises:
        ClusterError: none does, or the operator has not seen what was applied last.

    """
    status, where = applied.status, f"experiment {applied}"
    if (status.observed_generation or 0) < applied.generation:
        raise ClusterError(
            where,
            "found that the operator has not looked at what was applied last, expected its plan",
            "Try it again in a moment.",
        )
    asked = next((item for item in status.conditions if item.reason == APPROVAL_REQUIRED), None)
    if asked is None or status.plan is None:
        raise ClusterError(
            where,
            f"found none of its plans awaiting approval (phase {status.phase or 'unknown'}), expected one",
            f"`kubectl assay status {applied.name}` says how it stands.",
        )
    return status.plan.digest, asked.message
