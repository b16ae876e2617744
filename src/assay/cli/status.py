"""`assay status`: how every stage stands now."""

import json
from pathlib import Path

from rich.table import Table

from assay.cli.progress import now_doing
from assay.cli.terminal import PLAIN, console, say
from assay.reconcile.decide import State
from assay.settings.local import backend_for, open_local


def main(file: Path, store_uri: str, *, output: str) -> None:
    """Observe, and say what is seen."""
    local = open_local(file, store_uri)
    backend = backend_for(local.experiment, None)
    plan, decision = local.control(backend).look()
    backend.close()
    rows = []
    for stage in plan.stages:
        judgement = decision.judgements[stage.ref]
        doing = (
            now_doing(local.store, stage.ref, judgement.attempt) if judgement.state is State.RUNNING else ""
        )
        state = (
            "not started"
            if judgement.state is State.READY and judgement.attempt == 0
            else judgement.state.value
        )
        rows.append((stage, state, judgement, doing or judgement.message))
    if output == "json":
        stages = [
            {
                "label": stage.label,
                "ref": str(stage.ref),
                "state": state,
                "reason": judgement.reason,
                "attempt": judgement.attempt,
                "detail": detail,
            }
            for stage, state, judgement, detail in rows
        ]
        say(json.dumps({"experiment": plan.experiment, "finished": decision.finished, "stages": stages}))
        return
    table = Table(**PLAIN)
    for title in ("STAGE", "STATE", "ATTEMPT", "DETAIL"):
        table.add_column(title, overflow="fold")
    for stage, state, judgement, detail in rows:
        table.add_row(stage.label, state, str(judgement.attempt or ""), plan.told(detail))
    console().print(table)
    done = sum(judgement.state is State.DONE for judgement in decision.judgements.values())
    say(f"{done} of {len(rows)} stages done")
