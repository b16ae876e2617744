"""Where rows of a clean stage go, as a picture: from sources down through the steps; what leaves them leaves to the right.

A layout alone, in units of the picture; the page draws it. Sources come in above the step that they join at, so that no
band crosses another. Heights are free, and widths are rows: every band has the same scale.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Plain = dict[str, Any]

WIDTH = 380.0
_LEFT = 112.0  # where bands begin; names stand left of it
_RIGHT = 258.0  # where bands that leave end; what they are stands right of it
_WIDEST = 132.0  # all rows that are underway at once
_BAR = 5.0  # a source's, a step's or the end's
_LINE = 16.0  # of text
_GAP = 10.0
_THINNEST = 0.8  # so that a single row of a million is seen
_LETTERS = 17  # of a name


@dataclass
class _Pen:
    """What is drawn so far, and where."""

    scale: float  # units per row
    y: float = _GAP
    rows: int = 0  # underway
    nodes: list[Plain] = field(default_factory=list)
    bands: list[Plain] = field(default_factory=list)

    def across(self, rows: int) -> float:
        """Return where a band of rows ends that begins at the left."""
        return round(_LEFT + rows * self.scale, 2)

    def wide(self, rows: int) -> float:
        return max(round(rows * self.scale, 2), _THINNEST)


def sankey(cleaning: Plain) -> Plain:
    """Lay a clean stage's counts out: `rows`, `sources` and `steps` as in its record's summary."""
    joins = _joins(cleaning)
    pen = _Pen(scale=_WIDEST / max(1, *_underway(cleaning, joins)))
    for number, step in enumerate(cleaning["steps"]):
        for name in (name for name, at in joins.items() if at == number):
            _source(pen, name, cleaning["sources"][name])
        _step(pen, step)
    for name in (name for name, at in joins.items() if at >= len(cleaning["steps"])):
        _source(pen, name, cleaning["sources"][name])
    kept = cleaning["rows"]
    _node(pen, "out", (0, kept), f"{kept} rows go on", counted=kept)
    return {
        "width": WIDTH,
        "height": round(pen.y + _LINE, 1),
        "left": _LEFT,
        "right": _RIGHT,
        "nodes": pen.nodes,
        "bands": pen.bands,
        "told": _told(cleaning),
    }


def _joins(cleaning: Plain) -> dict[str, int]:
    """Return for each source the number of the first step that it meets."""
    steps = cleaning["steps"]
    return {
        name: next((number for number, step in enumerate(steps) if name in step["sources"]), len(steps))
        for name in cleaning["sources"]
    }


def _underway(cleaning: Plain, joins: dict[str, int]) -> Iterator[int]:
    """Yield how many rows lie beside each other where a source comes in or a step begins."""
    left = 0
    for number, step in enumerate([*cleaning["steps"], {"out": cleaning["rows"]}]):
        for name in (name for name, at in joins.items() if at == number):
            source = cleaning["sources"][name]
            yield left + source["in"]
            left += source["in"] - source["rejected"]
        left = step["out"]


def _source(pen: _Pen, name: str, counts: Plain) -> None:
    before, came, rejected = pen.rows, counts["in"], counts["rejected"]
    _node(pen, name, (before, before + came), f"{came} rows of source {name}", counted=came)
    _leaves(
        pen, [("rejected", rejected, f"{rejected} rows of source {name} could not be read")], before + came
    )


def _step(pen: _Pen, step: Plain) -> None:
    _node(pen, step["name"], (0, step["in"]), f"{step['name']}: {step['in']} rows come in")
    by_source = {
        key: ", ".join(f"{counts[key]} of {name}" for name, counts in step["sources"].items())
        for key in ("dropped", "setAside")
    }
    leaving = [
        ("dropped", step["dropped"], f"{step['name']} drops {step['dropped']} rows: {by_source['dropped']}"),
        (
            "aside",
            step["setAside"],
            f"{step['name']} sets {step['setAside']} rows aside: {by_source['setAside']}",
        ),
    ]
    _leaves(pen, leaving, step["in"])


def _node(pen: _Pen, name: str, span: tuple[int, int], told: str, *, counted: int | None = None) -> None:
    """Draw a bar over a span of the rows that are underway, and go on below it; what is counted stands below its name."""
    first, last = span
    pen.nodes.append(
        {
            "name": name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…",
            "counted": counted,
            "x": pen.across(first),
            "y": round(pen.y, 1),
            "width": pen.wide(last - first) if last > first else 0,
            "height": _BAR,
            "told": told,
        }
    )
    pen.rows = last
    if first:
        _flows(pen, first, pen.y, pen.y + _BAR)
    pen.y += _BAR


def _leaves(pen: _Pen, leaving: list[tuple[str, int, str]], end: int) -> None:
    """Draw what leaves to the right below a bar, the rightmost rows first, and what goes on down."""
    top, y = pen.y, pen.y + 2
    for fate, rows, told in leaving:
        if rows:
            wide = pen.wide(rows)
            high = max(wide, _LINE)
            x1, x2 = pen.across(end - rows), pen.across(end - rows) + wide
            y1 = y + (high - wide) / 2
            y2 = y1 + wide
            path = f"M{x2:.2f} {top:.1f}Q{x2:.2f} {y1:.1f} {_RIGHT} {y1:.1f}V{y2:.1f}Q{x1:.2f} {y2:.1f} {x1:.2f} {top:.1f}Z"
            text = {"x": _RIGHT + 6, "y": round(y1 + wide / 2, 1), "rows": rows}
            pen.bands.append({"fate": fate, "path": path, "told": told, "text": text})
            y += high + 2
            end -= rows
    pen.y = max(y, top + _LINE) + _GAP
    pen.rows = end
    _flows(pen, end, top, pen.y)


def _flows(pen: _Pen, rows: int, top: float, bottom: float) -> None:
    """Draw what goes straight on."""
    if rows:
        right = max(pen.across(rows), _LEFT + _THINNEST)
        path = f"M{_LEFT} {top:.1f}H{right}V{bottom:.1f}H{_LEFT}Z"
        pen.bands.append({"fate": "kept", "path": path, "told": f"{rows} rows go on", "text": None})


def _told(cleaning: Plain) -> str:
    """Tell the picture in words."""
    came = [f"{counts['in']} rows of {name}" for name, counts in cleaning["sources"].items()]
    rejected = sum(counts["rejected"] for counts in cleaning["sources"].values())
    left = [
        f"{step['name']} {verb} {step[key]}"
        for step in cleaning["steps"]
        for verb, key in (("drops", "dropped"), ("sets aside", "setAside"))
        if step[key]
    ]
    unread = [f"{rejected} could not be read"] if rejected else []
    became = "; ".join([*unread, *left, f"{cleaning['rows']} go on"])
    return f"{', '.join(came)}; {became}."
