"""The report as one HTML page: no scripts, nothing loaded from elsewhere, readable in light and dark."""

from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from assay.report.curve import curve
from assay.report.doses import dose_curves
from assay.report.figures import figure, signed
from assay.report.forest import forests
from assay.report.parts import parts
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


def page(data: Plain) -> str:
    """Render the report; the same data give the same bytes."""
    return _template().render(data)


@cache
def _template() -> Template:
    """Compile it once: it takes as long as a hundred small reports."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "figure": figure,
        "p_value": p_value,
        "signed": signed,
        "short": lambda ref: f"{ref[:-52]}…" if len(ref) > 60 else ref,
    }
    environment.globals |= {
        "curve": curve,
        "between": between,
        "dose_curves": dose_curves,
        "forests": forests,
        "parts": parts,
        "sankey": sankey,
        "word_class": CLASSES.get,
    }
    return environment.from_string(files(__package__).joinpath("page.html.j2").read_text())


def p_value(verdict: Plain) -> str:
    """Write a verdict's adjusted p, or a dash where nothing was tested: there it only holds a place in the family."""
    few = _runs(verdict) < LEAST_RUNS
    untested = few or verdict["p"] is None or verdict["word"] == Word.FLOOR
    return "–" if untested else figure(verdict["adjustedP"], 2)


def between(interval: Plain | None) -> str:
    """Write an interval, or a dash where there is none."""
    return "–" if interval is None else f"{figure(interval['low'])} … {figure(interval['high'])}"


def _runs(verdict: Plain) -> int:
    """Count the runs behind a verdict: of the arm with fewer, whole curves of one arm, or an expression's."""
    if "a" in verdict:
        return min(len(verdict[side]["runs"]) for side in ("a", "b"))
    return int(verdict["replicates"]) if "replicates" in verdict else len(verdict["runs"])
