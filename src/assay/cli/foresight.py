"""What the contrasts of a plan could show, in the terminal."""

from typing import Any

from rich.table import Table

from assay.cli.terminal import PLAIN, console, say
from assay.report.figures import figure

Row = dict[str, Any]


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
