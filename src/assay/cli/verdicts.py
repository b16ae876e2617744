"""The verdict table in the terminal."""

from typing import Any

from rich.table import Table
from rich.text import Text

from assay.cli.terminal import console, say
from assay.report.page import figure

_COLOURS = {"better": "green", "higher": "green", "lower": "green", "worse": "red", "equivalent": "blue"}


def print_verdicts(data: dict[str, Any]) -> None:
    """Print one table per comparison, and what is missing."""
    for document in data["comparisons"]:
        table = Table(
            title=f"Verdicts: {document['comparison']['name']}",
            title_justify="left",
            box=None,
            pad_edge=False,
        )
        for title in ("CONTRAST", "TASK", "A - B", "VERDICT", "EFFECT", "INTERVAL", "P", "N", "RUNS"):
            table.add_column(
                title, justify="right" if title in ("EFFECT", "INTERVAL", "P", "N", "RUNS") else "left"
            )
        for item in document["verdicts"]:
            interval = item["interval"]
            colour = _COLOURS.get(item["word"], "yellow")
            marks = " *" if item["primary"] else ""
            table.add_row(
                f"{item['contrast']}{marks}",
                item["task"],
                f"{item['a']['arm']} - {item['b']['arm']}",
                Text(item["word"] + (" (exploratory)" if item["exploratory"] else ""), style=colour),
                figure(item["effect"]),
                f"{figure(interval['low'])} … {figure(interval['high'])}" if interval else "–",
                figure(item["adjustedP"], 2),
                str(item["n"]),
                f"{len(item['a']['runs'])}/{len(item['b']['runs'])}",
            )
        console().print(table)
        if any(item["primary"] for item in document["verdicts"]):
            say("* the primary hypothesis; p is adjusted over the family")
        for item in document["missing"]:
            say(f"missing: {', '.join(f'{key} {value}' for key, value in item.items())}")
