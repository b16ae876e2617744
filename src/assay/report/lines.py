"""A verdict in a line, for where there is room for no more."""

from typing import Any

from assay.report.figures import figure

_MOST = 64


def verdict_lines(data: dict[str, Any]) -> list[str]:
    """Return a line per verdict of a report, the primary ones first."""
    verdicts = [item for document in data["comparisons"] for item in document["verdicts"]]
    ordered = sorted(verdicts, key=lambda item: not item["primary"])
    return [_line(item) for item in ordered[:_MOST]]


def _line(item: dict[str, Any]) -> str:
    interval = item["interval"]
    between = f", {figure(interval['low'], 2)} to {figure(interval['high'], 2)}" if interval else ""
    noise = f"; noise {figure(item['a']['noise'], 2)} and {figure(item['b']['noise'], 2)}"
    at = ",".join(f"{axis}={value}" for axis, value in item["coordinates"].items())
    where = f"{item['task']} at {at}" if at else item["task"]
    return f"{item['contrast']} on {where}: {item['word']} ({figure(item['effect'], 2)}{between}{noise})"
