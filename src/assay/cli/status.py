"""`assay status`: how every stage stands now."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from rich.table import Table

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.layout import record_key
from assay.cli.progress import now_doing
from assay.cli.terminal import PLAIN, console, say
from assay.errors import StoreError
from assay.plan.plan import Plan, PlannedStage
from assay.reconcile.decide import Decision, Judgement, State
from assay.report.data import warnings
from assay.settings.local import Local, backend_for, open_local
from assay.stores.records import load_record
from assay.stores.store import Store


def main(file: Path, store_uri: str, *, output: str) -> None:
    """Observe, and say what is seen."""
    local = open_local(file, store_uri)
    damaged: dict[ArtifactRef, str] = {}
    try:
        plan, decision = _look(local)
    except StoreError:
        damaged = _damaged_records(local)
        if not damaged:
            raise
        hidden = frozenset(record_key(ref) for ref in damaged)
        plan, decision = _look(replace(local, store=cast("Store", _Without(local.store, hidden))))
    rows = [
        _row(local.store, stage, decision.judgements[stage.ref], damaged.get(stage.ref))
        for stage in plan.stages
    ]
    if output == "json":
        say(json.dumps({"experiment": plan.experiment, "finished": decision.finished, "stages": rows}))
        return
    table = Table(**PLAIN)
    for title in ("STAGE", "STATE", "ATTEMPT", "DETAIL"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row["label"], row["state"], str(row["attempt"] or ""), plan.told(row["detail"]))
    console().print(table)
    done = sum(row["state"] == State.DONE for row in rows)
    say(f"{done} of {len(rows)} stages done")


def _look(local: Local) -> tuple[Plan, Decision]:
    backend = backend_for(local.experiment, None)
    try:
        return local.control(backend).look()
    finally:
        backend.close()


def _row(store: Store, stage: PlannedStage, judgement: Judgement, damage: str | None) -> dict[str, Any]:
    state, reason, detail = judgement.state.value, judgement.reason, judgement.message
    if damage is not None:
        state, reason, detail = "damaged", "RecordDamaged", damage
    elif judgement.state is State.READY and judgement.attempt == 0:
        state = "not started"
    elif judgement.state is State.RUNNING:
        detail = now_doing(store, stage.ref, judgement.attempt) or detail
    elif judgement.state is State.DONE and (record := load_record(store, stage.ref)):
        detail = "; ".join(f"warning: {warning}" for warning in warnings(record))
    return {
        "label": stage.label,
        "ref": str(stage.ref),
        "state": state,
        "reason": reason,
        "attempt": judgement.attempt,
        "detail": detail,
    }


def _damaged_records(local: Local) -> dict[ArtifactRef, str]:
    """Find the stages whose records cannot be read, each with what is wrong."""
    damaged = {}
    for stage in local.plan.stages:
        try:
            load_record(local.store, stage.ref)
        except StoreError as error:
            damaged[stage.ref] = str(error)
    return damaged


class _Without:
    """A store as if some objects were not there."""

    def __init__(self, store: Store, hidden: frozenset[str]) -> None:
        self._store = store
        self._hidden = hidden

    def get(self, key: str) -> bytes | None:
        return None if key in self._hidden else self._store.get(key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)
