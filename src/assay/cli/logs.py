"""`assay logs`: what the latest attempt at a stage printed, and how it failed."""

import sys
from pathlib import Path

from assay.artifacts.layout import log_key
from assay.cli.pick import pick
from assay.cli.terminal import say
from assay.settings.local import open_local
from assay.stores.claims import attempts


def main(file: Path, stage: str, store_uri: str) -> None:
    """Print the log as it is in the store now."""
    local = open_local(file, store_uri)
    planned = pick(local.plan, stage)
    tries = attempts(local.store, planned.ref)
    if not tries:
        say(f"{planned.label} has not been started.")
        return
    latest = tries[-1]
    log = local.store.get(log_key(planned.ref, latest.number))
    if log:
        sys.stdout.write(log.decode(errors="replace"))
        sys.stdout.flush()
    else:
        sys.stderr.write("The program has written nothing.\n")
    sys.stderr.write(f"attempt {latest.number} of {planned.label} by {latest.attempt.owner}\n")
    if latest.failure is not None:
        sys.stderr.write(f"failed: {latest.failure.reason}: {local.plan.told(latest.failure.message)}\n")
