"""The verdict table in the terminal."""

from typing import Any

from rich.table import Table
from rich.text import Text

from assay.cli.terminal import PLAIN, console, say
from assay.report.page import figure

_COLOURS = {"better": "green", "higher": "blue", "lower": "blue", "worse": "red", "equivalent": "blue"}


def print_verdicts(data: dict[str, Any]) -> None:
    """Print one table per comparison, and what is missing."""
    for document in data["comparisons"]:
        table = Table(title=f"Verdicts: {document['comparison']['name']}", title_justify="left", **PLAIN)
        for title in ("CONTRAST", "TASK", "VERDICT", "EFFECT", "INTERVAL", "P", "ITEMS"):
            left = title in ("CONTRAST", "TASK", "VERDICT")
            table.add_column(title, justify="left" if left else "right", no_wrap=True)
        for item in document["verdicts"]:
            interval = item["interval"]
            table.add_row(
                f"{item['contrast']}{' *' if item['primary'] else ''}",
                item["task"],
                Text(item["word"], style=_COLOURS.get(item["word"], "yellow")),
                figure(item["effect"], 2),
                f"{figure(interval['low'], 2)}…{figure(interval['high'], 2)}" if interval else "–",
                figure(item["adjustedP"], 2),
                str(item["n"]),
            )
        console().print(table)
        sides = {item["contrast"]: (item["a"], item["b"]) for item in document["verdicts"]}
        for contrast, (a, b) in sides.items():
            runs = f"{len(a['runs'])} and {len(b['runs'])} runs"
            say(f"  {contrast}: {a['arm']} minus {b['arm']}, {runs}")
        if any(item["primary"] for item in document["verdicts"]):
            say("  * the primary hypothesis; p is adjusted over the family")
        exploratory = [
            f"{item['contrast']} on {item['task']}" for item in document["verdicts"] if item["exploratory"]
        ]
        if exploratory:
            say(f"  exploratory, since the primary is not shown: {', '.join(exploratory)}")
        for item in document["missing"]:
            say(f"missing: {item['told']}")
