"""`python -m e2e.runner <store> <parallel> <experiment>`: the local loop over the digesting programs, as a process to kill."""

import sys
from datetime import UTC, datetime

from assay.adapters.local import LocalBackend
from assay.control.control import Control
from assay.reconcile.decide import State
from assay.reconcile.facts import Policy
from assay.stores.open import open_store
from builders import a_pipeline, a_plan
from e2e import crash

PIPELINE = [
    {"name": "cleaned", "clean": a_pipeline()[0]["clean"]},
    {
        "name": "scores",
        "evaluate": {
            "model": {"uri": "model"},
            "tasks": [{"name": "text", "bitsPerByte": {"data": {"from": "cleaned"}}}],
        },
    },
]
CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}


def plan(name: str = "both"):
    """Return the plan of an experiment by name: `both` arms compared, or `one` of them alone."""
    if name == "one":
        return a_plan(pipeline=PIPELINE, arms=[{"name": "without"}])
    return a_plan(pipeline=PIPELINE, compare=[CONTRAST])


def main() -> None:
    """Run to the end; exit 0 when every stage is done."""
    uri, parallel, name = sys.argv[1:]
    backend = LocalBackend(parallel=int(parallel), programs="e2e.programs")
    policy = Policy(since=datetime.now(UTC), stale_seconds=20, backoff_seconds=0.1)
    with crash.armed("runner"):
        store = open_store(uri)
        control = Control(
            plan(name), store=store, backend=backend, policy=policy, clock=lambda: datetime.now(UTC)
        )
        decision = control.run(lambda *_: None, backend.wait)
    backend.close()
    states = {judgement.state for judgement in decision.judgements.values()}
    sys.exit(0 if states == {State.DONE} else 1)


if __name__ == "__main__":
    main()
