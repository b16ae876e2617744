"""`kubectl assay status`: how an experiment stands, by its object, and by the store as far as that can be read."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.table import Table

from assay.adapters.kubectl import Kubectl
from assay.adapters.told import by_ref
from assay.api.profile import Prices
from assay.api.status import Condition, ExperimentStatus, StageStatus
from assay.artifacts.documents import ArtifactRef
from assay.cli.status import Row, arm_hours, print_arms, print_stages, see, status_rows
from assay.cli.terminal import PLAIN, console, lasted, say
from assay.errors import AssayError
from assay.reconcile.terms import priced
from assay.settings.common import now
from assay.settings.kubectl import Applied, connect, find, find_all, open_frozen

_EXPECTED = frozenset(
    {
        ("Accepted", "True"),
        ("Planned", "True"),
        ("Progressing", "True"),
        ("Complete", "False"),
        ("Approved", "True"),
    }
)
_EXPECTED_REASONS = frozenset({"Finished", "AllDone"})


def main(flags: tuple[str, ...], name: str | None, *, everywhere: bool, output: str) -> None:
    """Tell of one experiment, or of all."""
    kubectl = connect(flags)
    if name is None:
        tell_all(find_all(kubectl, everywhere=everywhere), everywhere=everywhere, output=output)
        return
    applied = find(kubectl, name)
    rows: list[Row] = []
    arms: dict[str, float] = {}
    note = ""
    if applied.status.plan is not None:
        rows, arms, note = _stages(kubectl, applied)
    if output == "json":
        say(json.dumps(_data(applied) | {"gpuHoursByArm": arms, "stages": rows, "note": note}))
        return
    for line in header(applied):
        say(line)
    if rows:
        print_stages(rows, str)
        print_arms(arms, applied.prices)
    if note:
        say(f"note: {note}")


def _stages(kubectl: Kubectl, applied: Applied) -> tuple[list[Row], dict[str, float], str]:
    """Return how the stages stand, live; or as the object says, and why no more can be said."""
    try:
        frozen = open_frozen(kubectl, applied)
        seen = see(frozen.plan, frozen.store, frozen.look)
        rows = status_rows(seen, frozen.store)
    except AssayError as error:
        return (
            told_rows(applied.status, now()),
            {},
            f"this is what the operator told last. To see more: {error}",
        )
    told = by_ref(seen.plan, applied.status.stages)
    rows = [waiting(row, told.get(ArtifactRef(row["ref"])), now()) for row in rows]
    return [row | {"detail": seen.plan.told(row["detail"])} for row in rows], arm_hours(seen), ""


def told_rows(status: ExperimentStatus, at: datetime) -> list[Row]:
    """Return how the stages stand by the object's status alone, which lists those that need attention first."""
    return [waiting(_told_row(stage), stage, at) for stage in status.stages]


def _told_row(stage: StageStatus) -> Row:
    return {
        "label": stage.name,
        "ref": None,
        "state": stage.state,
        "reason": "",
        "attempt": stage.attempt,
        "detail": stage.message,
    }


def waiting(row: Row, told: StageStatus | None, at: datetime) -> Row:
    """Add for how long a stage has waited, if it is what the operator tells of that still keeps it."""
    if told is None or told.since is None or not told.message or row["detail"] != told.message:
        return row
    return row | {"detail": f"{told.message}, for {_for(told.since, at)}", "since": told.since}


def _for(since: str, at: datetime) -> str:
    return lasted((at - datetime.fromisoformat(since)).total_seconds())


def header(applied: Applied) -> list[str]:
    """Say in a few lines how an experiment stands as a whole, and what keeps it."""
    status = applied.status
    lines = [f"{applied}: {', '.join(_tally(status, applied.prices))}"]
    if (status.observed_generation or 0) < applied.generation:
        lines.append(
            "The operator has not looked at what was applied last."
            if status.phase
            else "No operator has looked at it: does one run, and look after this namespace?"
        )
    lines += [f"verdict: {line}" for line in status.verdicts or filter(None, [status.verdict])]
    lines += [
        f"{item.type} is {item.status} ({item.reason}){f': {item.message}' if item.message else ''}"
        for item in remarkable(status.conditions)
    ]
    return lines


def remarkable(conditions: Iterable[Condition]) -> list[Condition]:
    """Return the conditions that are not as they are in an experiment that goes its way."""
    return [
        item
        for item in conditions
        if (item.type, item.status) not in _EXPECTED and item.reason not in _EXPECTED_REASONS
    ]


def _tally(status: ExperimentStatus, prices: Prices) -> Iterable[str]:
    yield status.phase or "Pending"
    if status.total is not None:
        yield f"{status.done or 0} of {status.total} stages done"
    if status.reused:
        yield f"{status.reused} of them reused"
    if status.failed:
        yield f"{status.failed} failed"
    if status.gpu_hours is not None:
        yield f"{priced(status.gpu_hours.spent, prices)} spent"
        if status.gpu_hours.saved:
            yield f"{priced(status.gpu_hours.saved, prices)} saved by what others ran"


def _spent(applied: Applied) -> str:
    hours = applied.status.gpu_hours
    return "" if hours is None else priced(hours.spent, applied.prices)


def _data(applied: Applied) -> dict[str, Any]:
    about = {"experiment": str(applied), "generation": applied.generation}
    told = applied.status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"stages"})
    return about | told


def tell_all(found: list[Applied], *, everywhere: bool, output: str) -> None:
    """Print a line for each experiment."""
    if output == "json":
        say(json.dumps([_data(applied) for applied in found]))
        return
    if not found:
        say("No experiments.")
        return
    table = Table(**PLAIN)
    held = any(applied.status.gpu_hours for applied in found)
    for title in (
        *(["NAMESPACE"] if everywhere else []),
        "NAME",
        "PHASE",
        "DONE",
        "REUSED",
        *(["SPENT"] if held else []),
        "VERDICT OR WHY",
    ):
        table.add_column(title, overflow="fold")
    for applied in found:
        status = applied.status
        why = status.verdict or next(
            (f"{item.reason}: {item.message}" for item in remarkable(status.conditions)), ""
        )
        table.add_row(
            *([applied.namespace] if everywhere else []),
            applied.name,
            status.phase or "Pending",
            status.progress or "",
            str(status.reused or ""),
            *([_spent(applied)] if held else []),
            " ".join(why.split()),
        )
    console().print(table)
