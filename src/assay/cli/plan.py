"""`assay plan`: what would run, what would be reused, and why."""

import json
from pathlib import Path
from typing import Any

from rich.table import Table

from assay.artifacts.documents import StageDocument
from assay.artifacts.kinds import Kind
from assay.cli.terminal import PLAIN, console, say
from assay.plan.explain import nearest
from assay.plan.plan import Plan, PlannedStage
from assay.reconcile.decide import FINAL, Judgement, State
from assay.settings.local import backend_for, open_local, stored_stages

_MOST_REASONS = 3


def main(file: Path, store_uri: str, *, output: str) -> None:
    """Observe and decide, without acting."""
    local = open_local(file, store_uri)
    backend = backend_for(local.experiment, None)
    plan, decision = local.control(backend).look()
    backend.close()
    stored: dict[Kind, list[StageDocument]] = {}
    rows = []
    for stage in plan.stages:
        judgement = decision.judgements[stage.ref]
        if stage.kind not in stored:
            stored[stage.kind] = list(stored_stages(local.store, stage.kind))
        rows.append(_row(plan, stage, judgement, stored[stage.kind]))
    counts = {
        verb: sum(row["plan"] == verb for row in rows) for verb in ("reuse", "run", "running", "failed")
    }
    if output == "json":
        say(
            json.dumps(
                {
                    "experiment": plan.experiment,
                    "digest": plan.digest,
                    "stages": rows,
                    "notes": plan.notes,
                    **counts,
                }
            )
        )
        return
    table = Table(**PLAIN)
    for title in ("STAGE", "KIND", "PLAN", "WHY"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row["label"], row["kind"], row["plan"], row["why"])
    console().print(table)
    for note in plan.notes:
        say(f"note: {note}")
    say(
        f"{len(rows)} distinct stages: {counts['reuse']} to reuse, {len(rows) - counts['reuse']} to run. Nothing was started."
    )


def _row(
    plan: Plan, stage: PlannedStage, judgement: Judgement, stored: list[StageDocument]
) -> dict[str, Any]:
    verb = _verb(judgement)
    return {
        "label": stage.label,
        "kind": stage.kind.value,
        "ref": str(stage.ref),
        "plan": verb,
        "why": _why(plan, stage, judgement, stored) if verb != "reuse" else "its record is in the store",
        "members": [member.label for member in stage.members],
    }


def _verb(judgement: Judgement) -> str:
    if judgement.state is State.DONE:
        return "reuse"
    return "running" if judgement.state is State.RUNNING else "failed" if judgement.state in FINAL else "run"


def _why(plan: Plan, stage: PlannedStage, judgement: Judgement, stored: list[StageDocument]) -> str:
    if judgement.message:
        return f"{judgement.reason}: {plan.told(judgement.message)}"
    found = nearest(stage.document, (other for other in stored if other.ref != stage.ref))
    waiting = "waits for its inputs; " if judgement.state is State.WAITING else ""
    if found is None:
        return f"{waiting}the store has no {stage.kind.value} stage yet"
    other, differing = found
    reads = frozenset((*stage.reads, *other.reads))
    own = [str(item) for item in differing if not item.is_read(reads)]
    told = own[:_MOST_REASONS]
    if len(own) > _MOST_REASONS:
        told.append(f"{len(own) - _MOST_REASONS} more")
    if len(own) < len(differing):
        told.append("what it reads")
    return f"{waiting}nearest differs in {'; '.join(told)}"
