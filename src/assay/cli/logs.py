"""`assay logs`: what the latest attempt at a stage printed, and how it failed."""

import sys
from pathlib import Path

from assay.artifacts.layout import log_key
from assay.cli.pick import pick
from assay.cli.terminal import say
from assay.plan.plan import Plan, PlannedStage
from assay.settings.local import open_local
from assay.stores.claims import AttemptState, attempts
from assay.stores.store import Store


def main(file: Path, stage: str, store_uri: str) -> None:
    """Print the log as it is in the store now."""
    local = open_local(file, store_uri)
    planned = pick(local.plan, stage)
    tries = attempts(local.store, planned.ref)
    if not tries:
        say(f"{planned.label} has not been started.")
        return
    print_kept(local.store, planned, tries[-1], otherwise="The program has written nothing.")
    tell_attempt(local.plan, planned, tries[-1])


def print_kept(store: Store, planned: PlannedStage, attempt: AttemptState, *, otherwise: str) -> None:
    """Print the log that the store has of an attempt, or say that it has none."""
    log = store.get(log_key(planned.ref, attempt.number))
    if log:
        sys.stdout.write(log.decode(errors="replace"))
        sys.stdout.flush()
    else:
        sys.stderr.write(f"{otherwise}\n")


def tell_attempt(plan: Plan, planned: PlannedStage, attempt: AttemptState) -> None:
    """Say whose attempt it was, and why it failed if it did."""
    sys.stderr.write(f"attempt {attempt.number} of {planned.label} by {attempt.attempt.owner}\n")
    if attempt.failure is not None:
        sys.stderr.write(f"failed: {attempt.failure.reason}: {plan.told(attempt.failure.message)}\n")
