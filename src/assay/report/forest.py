"""A comparison's effects as a forest plot: one above the other, each with its interval, around a line at no effect.

A layout alone; the page draws it. Upwards it is in pixels and across in percent, so that a narrow page squeezes the axis
and leaves the text as large as it is. What is measured in one unit shares an axis, and nothing else does.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from assay.report.figures import figure
from assay.report.lines import place

Plain = dict[str, Any]

_HEADING, _ROW, _FOOT = 24, 30, 36  # how high a task's name, an effect and the axis are
_TEXT, _LINE = 12, 21  # where in a row its text stands, and its interval
_RIM = 3.0  # percent at both ends, so that a mark at the rim is drawn whole
_MOST_TICKS = 5
_LETTERS = 32  # of a label

_SIDES = {
    "verdicts": ("b higher", "a higher"),
    "curves": ("falls", "rises"),
    "derived": ("below 0", "above 0"),
    "trends": ("flatter", "steeper"),
}


def forests(document: Plain) -> list[Plain]:
    """Lay out a comparison's verdicts, the changes along its curves, its derived measures, and how those move: a picture per unit."""
    return [
        _forest(list(items), kind, unit)
        for kind in _SIDES
        for unit, items in groupby(sorted(document[kind], key=_unit), key=_unit)
    ]


def _unit(item: Plain) -> str:
    """Return what an effect is measured in; an expression is a unit of its own."""
    return str(item["expression"] if "expression" in item else item["unit"])


def _task(item: Plain) -> str:
    if "expression" in item:
        return str(item["expression"])
    return f"{item['task']} by {item['axis']}" if "axis" in item else str(item["task"])


def _forest(items: Sequence[Plain], kind: str, unit: str) -> Plain:
    axis = _Axis(items)
    groups, y = [], 0
    for task, of_task in groupby(sorted(items, key=_task), key=_task):
        rows = list(of_task)
        groups.append(_group(task, rows, y, axis))
        y += _HEADING + _ROW * len(rows)
    return {
        "height": y + _FOOT,
        "bottom": y,
        "zero": axis.at(0),
        "ticks": [{"x": axis.at(tick), "value": tick} for tick in axis.ticks()],
        "sides": _SIDES[kind],
        "unit": unit,
        "groups": groups,
        "told": _told(items, kind),
    }


def _group(task: str, items: Sequence[Plain], y: int, axis: "_Axis") -> Plain:
    """Lay out one task's effects below its name, over the margin within which they count as none."""
    margin = max((item["margin"] or 0 for item in items), default=0)
    return {
        "name": task,
        "y": y + _HEADING - 7,
        "band": {
            "x": axis.at(-margin),
            "width": axis.wide(2 * margin),
            "y": y + _HEADING,
            "height": _ROW * len(items),
        },
        "rows": [_row(item, y + _HEADING + _ROW * at, axis) for at, item in enumerate(items)],
    }


def _row(item: Plain, y: int, axis: "_Axis") -> Plain:
    at = place(item)
    name = f"{item.get('contrast') or item['arm']}{f'[{at}]' if at else ''}"
    ends = _ends(item)
    between = f", {figure(ends[0])} to {figure(ends[1])}" if ends else ""
    sides = f"{item['a']['arm']} − {item['b']['arm']}: " if "a" in item else ""
    return {
        "label": name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…",
        "primary": item.get("primary", False),
        "word": item["word"],
        "effect": item["effect"],
        "text_y": y + _TEXT,
        "line_y": y + _LINE,
        "x": axis.at(item["effect"]),
        "ends": [axis.at(end) for end in ends],
        "told": f"{name}, {sides}{item['word']}, {figure(item['effect'])}{between}",
    }


def _ends(item: Plain) -> tuple[float, ...]:
    interval = item["interval"]
    return () if interval is None else (interval["low"], interval["high"])


class _Axis:
    """From effects to percent of the width."""

    def __init__(self, items: Iterable[Plain]) -> None:
        reached = list(_reached(items))
        self._low, self._high = min(reached), max(reached)

    def at(self, value: float) -> float:
        reach = self._high - self._low
        share = (value - self._low) / reach if reach else 0.5
        return round(_RIM + (100 - 2 * _RIM) * share, 2)

    def wide(self, value: float) -> float:
        return round(self.at(self._low + value) - self.at(self._low), 2)

    def ticks(self) -> list[float]:
        """Return a few round values between the ends, 0 among them."""
        reach = self._high - self._low
        if not reach:
            return [0.0]
        tenth = 10.0 ** math.floor(math.log10(reach / _MOST_TICKS))
        step = next(step for step in (tenth, 2 * tenth, 5 * tenth, 10 * tenth) if reach / step <= _MOST_TICKS)
        return [at * step for at in range(math.ceil(self._low / step), math.floor(self._high / step) + 1)]


def _reached(items: Iterable[Plain]) -> Iterator[float]:
    """Yield all that the axis must hold."""
    yield 0.0
    for item in items:
        margin = item["margin"] or 0.0
        yield from (item["effect"], *_ends(item), -margin, margin)


def _told(items: Sequence[Plain], kind: str) -> str:
    """Tell the picture in words; the tables beside it have the figures."""
    words = Counter(item["word"] for item in items)
    counted = ", ".join(f"{number} {word}" for word, number in sorted(words.items()))
    what = {
        "verdicts": "a minus b",
        "curves": "from the least dose to the greatest",
        "derived": "against 0",
        "trends": "slopes",
    }
    effects = "1 effect" if len(items) == 1 else f"{len(items)} effects"
    return f"{effects}, {what[kind]}, with intervals: {counted}. The tables below have the figures."
