"""`assay status`: how every stage stands now."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rich.table import Table

from assay.api.profile import Prices
from assay.artifacts.documents import ArtifactRef
from assay.artifacts.layout import record_key
from assay.cli.progress import EXIT_INTERRUPTED, STARTING, LiveView, PlainView, View, now_doing, tally
from assay.cli.terminal import PLAIN, console, say
from assay.errors import StoreError
from assay.plan.plan import Plan, PlannedStage
from assay.reconcile.decide import Decision, Judgement, State
from assay.reconcile.spending import by_arm
from assay.reconcile.terms import amount
from assay.report.data import warnings
from assay.settings.local import Local, backend_for, open_local, profile_file
from assay.stores.records import load_record
from assay.stores.store import Store

Row = dict[str, Any]

_WATCH_SECONDS = 2.0  # between two looks


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A plan, how it stands, and the stages whose records cannot be read, each with what is wrong."""

    plan: Plan
    decision: Decision
    damaged: Mapping[ArtifactRef, str]


def main(file: Path, store_uri: str, *, watch: bool, output: str, profile: Path | None = None) -> None:
    """Observe, and say what is seen: once, or until every stage is final; a Profile's file tells what it cost."""
    prices = Prices() if profile is None else profile_file(profile).prices
    local = open_local(file, store_uri)
    if watch:
        seen = _watched(local, as_json=output == "json")
    else:
        seen = see(local.plan, local.store, lambda store: _look(replace(local, store=store)))
    rows = status_rows(seen, local.store)
    if output == "json":
        experiment, finished = seen.plan.experiment, seen.decision.finished
        about = {"experiment": experiment, "finished": finished, "gpuHoursByArm": arm_hours(seen)}
        say(json.dumps(about | {"cost": cost_of(seen, prices), "stages": rows}))
        return
    print_stages(rows, seen.plan.told)
    print_arms(arm_hours(seen), prices)
    if (cost := cost_of(seen, prices)) is not None:
        say(f"all attempts: {amount(cost['spent'])} {cost['currency']}, at {cost['gpuHour']:g} per GPU-hour")
    done = sum(row["state"] == State.DONE for row in rows)
    say(f"{done} of {len(rows)} stages done")


def _watched(local: Local, *, as_json: bool) -> Seen:
    """Show how all stands until all is final, and return that; where nobody sits before a terminal, a line per change."""
    backend = backend_for(local.experiment, None)
    control = local.control(backend)  # it reads again only what may have changed

    def look(store: Store) -> tuple[Plan, Decision]:
        return control.look() if store is local.store else _look(replace(local, store=store))

    terminal = console()
    shown = terminal.is_terminal and not as_json
    view: View = LiveView(terminal, local.store) if shown else PlainView(as_json=as_json)
    if not shown and not as_json:
        say(tally(see(local.plan, local.store, look).decision.judgements))
    try:
        with view:
            while True:
                seen = see(local.plan, local.store, look)
                view.watch(seen.plan, seen.decision)
                sys.stdout.flush()
                if seen.decision.finished:
                    return seen
                time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    finally:
        backend.close()


def see(plan: Plan, store: Store, look: Callable[[Store], tuple[Plan, Decision]]) -> Seen:
    """Look at a store; damaged records count as absent."""
    damaged: dict[ArtifactRef, str] = {}
    try:
        settled, decision = look(store)
    except StoreError:
        damaged = _damaged_records(plan, store)
        if not damaged:
            raise
        hidden = frozenset(record_key(ref) for ref in damaged)
        settled, decision = look(cast("Store", _Without(store, hidden)))
    return Seen(plan=settled, decision=decision, damaged=damaged)


def status_rows(seen: Seen, store: Store) -> list[Row]:
    """Say of every stage how it stands, and what it does now."""
    judgements = seen.decision.judgements
    return [
        _row(store, stage, judgements[stage.ref], seen.damaged.get(stage.ref))
        | {"gpuHours": seen.decision.spent[stage.ref].all}
        for stage in seen.plan.stages
    ]


def arm_hours(seen: Seen) -> dict[str, float]:
    """Return the GPU-hours of each arm; none where nothing has held a GPU."""
    hours = by_arm(seen.plan, seen.decision.spent)
    return hours if any(hours.values()) else {}


def cost_of(seen: Seen, prices: Prices) -> Row | None:
    """Return what all attempts have cost; None where nobody says what an hour does, or none held a GPU."""
    spent = prices.cost(sum(item.all for item in seen.decision.spent.values()))
    return {"currency": prices.currency, "gpuHour": prices.gpu_hour, "spent": spent} if spent else None


def print_arms(hours: Mapping[str, float], prices: Prices) -> None:
    """Print what arms have taken so far."""
    if hours:
        told = ", ".join(f"{arm} {_priced(spent, prices)}" for arm, spent in hours.items())
        say(f"GPU-hours by arm, what they share in each: {told}")


def _priced(hours: float, prices: Prices) -> str:
    cost = prices.cost(hours)
    return f"{hours:,.1f}" + ("" if cost is None else f" ({amount(cost)} {prices.currency})")


def print_stages(rows: Iterable[Row], told: Callable[[str], str]) -> None:
    """Print how stages stand; `told` puts details into words for people."""
    rows = list(rows)
    table = Table(**PLAIN)
    held = any(row.get("gpuHours") for row in rows)
    for title in ("STAGE", "STATE", "ATTEMPT", *(["GPU-HOURS"] if held else []), "DETAIL"):
        table.add_column(title, overflow="fold")
    for row in rows:
        hours = [f"{row['gpuHours']:,.1f}" if row["gpuHours"] else ""] if held else []
        table.add_row(row["label"], row["state"], str(row["attempt"] or ""), *hours, told(row["detail"]))
    console().print(table)


def _look(local: Local) -> tuple[Plan, Decision]:
    backend = backend_for(local.experiment, None)
    try:
        return local.control(backend).look()
    finally:
        backend.close()


def _row(store: Store, stage: PlannedStage, judgement: Judgement, damage: str | None) -> Row:
    state, reason, detail = judgement.state.value, judgement.reason, judgement.message
    if damage is not None:
        state, reason, detail = "damaged", "RecordDamaged", damage
    elif judgement.state is State.READY and judgement.attempt == 0:
        state = "not started"
    elif judgement.state is State.RUNNING:
        detail = _doing(store, stage.ref, judgement)
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


def _doing(store: Store, ref: ArtifactRef, judgement: Judgement) -> str:
    """Say what an attempt does; why it does not run yet says more than that it is starting."""
    doing = now_doing(store, ref, judgement.attempt)
    return judgement.message or doing if doing in ("", STARTING) else doing


def _damaged_records(plan: Plan, store: Store) -> dict[ArtifactRef, str]:
    damaged = {}
    for stage in plan.stages:
        try:
            load_record(store, stage.ref)
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
