"""`kubectl assay logs`: what an attempt at a stage printed: from its pods, and when they are gone, from the store."""

import sys

from assay.adapters.kubectl_pods import AttemptPods
from assay.artifacts.kinds import Kind
from assay.cli.logs import print_kept, tell_attempt
from assay.cli.pick import pick
from assay.cli.terminal import say
from assay.errors import SpecError
from assay.plan.plan import Plan, PlannedStage
from assay.settings.kubectl import Frozen, connect, find, open_frozen, pods_of
from assay.stores.claims import AttemptState, attempts


def main(flags: tuple[str, ...], name: str, stage: str, *, follow: bool, number: int | None) -> None:
    """Print the log of the attempt that is asked for."""
    kubectl = connect(flags)
    applied = find(kubectl, name)
    frozen = open_frozen(kubectl, applied)
    plan, planned = _picked(frozen, stage)
    tries = attempts(frozen.store, planned.ref)
    if not tries:
        say(f"{planned.label} has not been started.")
        return
    attempt = chosen(planned, tries, number)
    pods = pods_of(kubectl, applied, planned.ref, attempt.number)
    if pods.names:
        _print(pods, follow=follow)
    elif waits := pods.waits or frozen.waits(planned.ref, attempt.number):
        say(f"Its pods print nothing yet: {waits}.")
    else:
        gone = f"Its pods are gone, or never were in namespace {applied.namespace}, and the store has no log of it."
        print_kept(frozen.store, planned, attempt, otherwise=gone)
    tell_attempt(plan, planned, attempt)


def chosen(planned: PlannedStage, tries: list[AttemptState], number: int | None) -> AttemptState:
    """Return an attempt by its number, or the latest.

    Raises:
        SpecError: there is none of this number.

    """
    if number is None:
        return tries[-1]
    for attempt in tries:
        if attempt.number == number:
            return attempt
    known = ", ".join(str(attempt.number) for attempt in tries)
    raise SpecError(
        f"attempt {number} of {planned.label}", f"found only {known}", "Name one of them with --attempt."
    )


def _picked(frozen: Frozen, stage: str) -> tuple[Plan, PlannedStage]:
    """Pick a stage; a comparison over failed inputs is another one than was planned at first."""
    planned = pick(frozen.plan, stage)
    if planned.kind is not Kind.COMPARE:
        return frozen.plan, planned
    plan, _ = frozen.look()
    return plan, pick(plan, planned.label)


def _print(pods: AttemptPods, *, follow: bool) -> None:
    try:
        if follow:
            pods.follow()
            return
        for name in pods.names:
            if len(pods.names) > 1:
                sys.stderr.write(f"pod {name}:\n")
                sys.stderr.flush()
            pods.show(name)
    except KeyboardInterrupt:
        sys.exit(130)
