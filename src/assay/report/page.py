"""The report as one HTML page: no scripts, nothing loaded from elsewhere, readable in light and dark."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from assay.report.curve import curve
from assay.report.doses import dose_curves, trend_curves
from assay.report.figures import effect, figure, signed
from assay.report.forest import forests
from assay.report.parts import parts
from assay.report.published import Outcome
from assay.report.sankey import sankey
from assay.report.shapes import curve_told, trend_told
from assay.report.survival import survival
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
OUTCOMES: dict[str, str] = {
    Outcome.REPRODUCED: "good",
    Outcome.NOT_REPRODUCED: "bad",
    Outcome.OPEN: "open",
    Outcome.NOT_COMPARABLE: "open",
}


def page(data: Plain) -> str:
    """Render the report; the same data give the same bytes."""
    return _template().render(data | {"classes": environment_classes(data)})


@cache
def _template() -> Template:
    """Compile it once: it takes as long as a hundred small reports."""
    environment = Environment(
        loader=PackageLoader("assay.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "anchor": anchor,
        "effect": effect,
        "figure": figure,
        "p_value": p_value,
        "signed": signed,
        "short": lambda ref: f"{ref[:-52]}…" if len(ref) > 60 else ref,
    }
    environment.globals |= {
        "curve": curve,
        "curve_told": curve_told,
        "between": between,
        "cite": cite,
        "cite_runs": cite_runs,
        "dose_curves": dose_curves,
        "forests": forests,
        "parts": parts,
        "sankey": sankey,
        "survival": survival,
        "unsafe_tag": unsafe_tag,
        "outcome_class": OUTCOMES.get,
        "trend_curves": trend_curves,
        "trend_told": trend_told,
        "word_class": CLASSES.get,
    }
    return environment.get_template("page.html.j2")


def anchor(ref: str) -> str:
    """Return where on the page an artifact's hashes stand."""
    kind, _, fingerprint = ref.partition("/")
    return f"{kind}-{fingerprint[:16]}"


def cite(ref: str, text: str) -> Markup:
    """Write a figure as a link to the artifact that it is from."""
    return Markup('<a href="#{}">{}</a>').format(anchor(ref), text)


def cite_runs(runs: Sequence[Plain]) -> Markup:
    """Number the runs behind a mean, each a link to its artifact."""
    return Markup(" ").join(cite(run["from"], str(number)) for number, run in enumerate(runs, 1))


def unsafe_tag(sources: Sequence[str]) -> Markup:
    """Label what stems from unsafe sources."""
    told = Markup(' <span class="tag bad" title="stems from {}">unsafe</span>')
    return told.format(", ".join(sources)) if sources else Markup("")


def environment_classes(data: Plain) -> list[Plain]:
    """Return the distinct environment classes of stages, in the order in which they are met."""
    found: dict[str, Plain] = {}
    for stage in data["stages"]:
        if stage["environment"]:
            found.setdefault(repr(sorted(stage["environment"].items())), stage["environment"])
    return list(found.values())


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
