"""The report as one HTML page: no scripts, nothing loaded from elsewhere, readable in light and dark."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from assay.report.curve import curve
from assay.report.figures import figure
from assay.report.sankey import sankey
from assay.statistics.words import LEAST_RUNS, NOT_COMPARABLE, Word

Plain = dict[str, Any]

CLASSES: dict[str, str] = {
    Word.BETTER: "good",
    Word.WORSE: "bad",
    Word.HIGHER: "same",
    Word.LOWER: "same",
    Word.EQUIVALENT: "same",
    Word.INCONCLUSIVE: "open",
    Word.FLOOR: "open",
    NOT_COMPARABLE: "open",
}

_FOREST_WIDTH = 260.0  # pixels between the ends of the axis


def page(data: Plain) -> str:
    """Render the report; the same data give the same bytes."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "figure": figure,
        "p_value": p_value,
        "short": lambda ref: f"{ref[:-52]}…" if len(ref) > 60 else ref,
    }
    environment.globals |= {
        "curve": curve,
        "forest": forest,
        "sankey": sankey,
        "word_class": CLASSES.get,
    }
    template = environment.from_string(files(__package__).joinpath("page.html.j2").read_text())
    return template.render(data)


def p_value(verdict: Plain) -> str:
    """Write a verdict's adjusted p, or a dash where nothing was tested: there it only holds a place in the family."""
    few = min(len(verdict[side]["runs"]) for side in ("a", "b")) < LEAST_RUNS
    untested = few or verdict["p"] is None or verdict["word"] == Word.FLOOR
    return "–" if untested else figure(verdict["adjustedP"], 2)


def forest(verdicts: list[Plain]) -> list[Plain | None]:
    """Place effects and intervals of one task's verdicts on a common axis around zero, in pixels."""
    reach = max(
        (abs(end) for item in verdicts for end in (item["effect"], *_ends(item), item["margin"] or 0)),
        default=0,
    )
    return [None if reach == 0 else _placed(item, reach) for item in verdicts]


def _placed(item: Plain, reach: float) -> Plain:
    def at(value: float) -> float:
        return round((value / reach + 1) / 2 * _FOREST_WIDTH, 1)

    low, high = _ends(item) or (item["effect"], item["effect"])
    margin = item["margin"] or 0
    return {
        "low": at(low),
        "high": at(high),
        "effect": at(item["effect"]),
        "zero": at(0),
        "margin_low": at(-margin),
        "margin_width": round(at(margin) - at(-margin), 1),
        "width": _FOREST_WIDTH,
    }


def _ends(item: Plain) -> tuple[float, ...]:
    interval = item["interval"]
    return () if interval is None else (interval["low"], interval["high"])
