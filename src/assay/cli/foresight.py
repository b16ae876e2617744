"""What the contrasts of a plan could show, in the terminal."""

import contextlib
import json
from typing import Any

from rich.table import Table

from assay.artifacts.kinds import Kind
from assay.artifacts.layout import experiment_key
from assay.cli.terminal import PLAIN, console, say
from assay.plan.plan import Plan
from assay.report.figures import figure
from assay.stores.store import Store

Row = dict[str, Any]


def contrasts_seen(plan: Plan, store: Store) -> list[Row]:
    """Work out what every contrast could show, with the spread of the runs in the experiment's last report."""
    if not any(stage.kind is Kind.COMPARE for stage in plan.stages):
        return []
    # What has no contrasts does not wait for the arithmetic.
    from assay.report.foresight import foresight  # noqa: PLC0415

    earlier: list[Row] = []
    with contextlib.suppress(ValueError):  # a damaged report tells as little as none
        earlier = json.loads(store.get(experiment_key(plan.experiment, "report.json")) or b"{}").get(
            "scores", []
        )
    return foresight(plan, earlier)


def print_contrasts(rows: list[Row]) -> None:
    """Print a line per contrast and task, and what it rests on."""
    if not rows:
        return
    say("\nWhat contrasts could show; mostly seen is what is shown four times in five:")
    table = Table(**PLAIN)
    for title in ("CONTRAST", "TASK", "RUNS", "ITEMS", "MOSTLY SEEN", "POWER AT MARGIN"):
        table.add_column(title, overflow="fold")
    for row in rows:
        power = "–" if row["power"] is None else f"{row['power']:.0%} of {figure(row['margin'], 2)}"
        table.add_row(
            f"{row['contrast']}{' *' if row['primary'] else ''}",
            row["task"],
            f"{row['runsA']}, {row['runsB']}",
            figure(row["items"]),
            figure(row["detectable"], 2),
            power,
        )
    console().print(table)
    for why in dict.fromkeys(row["why"] for row in rows):
        say(f"  {', '.join(_named(rows, why))}:")
        say(f"    {why}")


def _named(rows: list[Row], why: str) -> list[str]:
    names = [f"{row['contrast']} on {row['task']}" for row in rows if row["why"] == why]
    return ["all"] if len(names) == len(rows) else names
