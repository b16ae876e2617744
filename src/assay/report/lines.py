"""A verdict in a line, for where there is room for no more."""

from collections.abc import Iterator
from typing import Any

from assay.report.figures import figure

ANSWERS = ("verdicts", "curves", "derived", "trends")
"""The members of a comparison's document that hold what it found."""

_MOST = 64


def answers(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all that a comparison found; an older version wrote fewer kinds."""
    for kind in ANSWERS:
        yield from document.get(kind, ())


def verdict_lines(data: dict[str, Any]) -> list[str]:
    """Return a line per verdict of a report, the primary ones first."""
    verdicts = [
        (item, document["registration"]) for document in data["comparisons"] for item in answers(document)
    ]
    ordered = sorted(verdicts, key=lambda found: not found[0].get("primary", False))
    return [
        f"{_line(item)}; exploratory" if registered and registered["exploratory"] else _line(item)
        for item, registered in ordered[:_MOST]
    ]


def place(item: dict[str, Any]) -> str:
    """Return the point of the matrix that a verdict is about, such as `size=1b`; nothing where there is one only."""
    return ",".join(f"{axis}={value}" for axis, value in item["coordinates"].items())


def _line(item: dict[str, Any]) -> str:
    interval = item["interval"]
    between = f", {figure(interval['low'], 2)} to {figure(interval['high'], 2)}" if interval else ""
    noise = (
        f"; noise {figure(item['a']['noise'], 2)} and {figure(item['b']['noise'], 2)}" if "a" in item else ""
    )
    at = place(item)
    task = item.get("task") or item["expression"]
    where = f"{task} at {at}" if at else task
    subject = item.get("contrast") or item["arm"]
    return f"{subject} on {where}: {item['word']} ({figure(item['effect'], 2)}{between}{noise})"
