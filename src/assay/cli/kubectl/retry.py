"""`kubectl assay retry`: have what failed tried again, on the same plan."""

from assay.cli.terminal import say, some
from assay.reconcile.decide import State
from assay.settings.in_cluster import RETRY
from assay.settings.kubectl import annotate, connect, find


def main(flags: tuple[str, ...], name: str) -> None:
    """Ask that failures before now be forgotten."""
    kubectl = connect(flags)
    applied = find(kubectl, name)
    failed = [stage.name for stage in applied.status.stages if stage.state == State.FAILED]
    at = annotate(kubectl, applied, RETRY)
    told = f"these are tried again: {some(failed)}" if failed else "none is told of"
    say(f"{applied}: failures before {at} are forgotten; {told}.")
