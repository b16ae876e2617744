"""The experiments of a store beside each other: a row each, and one page with a link to every report."""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined

from assay.artifacts.layout import experiment_key
from assay.report.lines import answers, verdict_lines
from assay.report.page import CLASSES

Plain = dict[str, Any]


def blank_row(experiment: str, phase: str, *, pinned: bool) -> Plain:
    """Return what the index says of an experiment without a report that could be read."""
    figures: Plain = {"done": None, "stages": None, "words": {}, "verdicts": []}
    return {
        "experiment": experiment,
        "phase": phase,
        **figures,
        "report": None,
        "reported": None,
        "pinned": pinned,
    }


def index_row(experiment: str, report: Plain, *, reported: datetime, pinned: bool) -> Plain:
    """Return what the index says of an experiment by its report."""
    done, stages = sum(stage["done"] for stage in report["stages"]), len(report["stages"])
    items = [item for document in report["comparisons"] for item in answers(document)]
    return {
        "experiment": experiment,
        "done": done,
        "stages": stages,
        "phase": "done" if done == stages else "unfinished",
        "words": dict(Counter(item["word"] for item in items)),
        "verdicts": verdict_lines(report),
        "report": experiment_key(experiment, "report.html"),
        "reported": f"{reported:%Y-%m-%d %H:%M}",
        "pinned": pinned,
    }


def index_page(title: str, rows: list[Plain]) -> str:
    """Render the page; the same rows give the same bytes. Its script filters the list, which is whole without it."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["address"] = quote
    environment.globals["word_class"] = CLASSES.get
    parts = {name: _part(f"index.{name}") for name in ("css", "js")}
    return environment.from_string(_part("index.html.j2")).render(
        title=title,
        rows=rows,
        phases=sorted({row["phase"] for row in rows}),
        words=sorted({word for row in rows for word in row["words"]}),
        style=parts["css"],
        script=parts["js"],
        allowed=_allowed(parts),
    )


def _allowed(parts: Mapping[str, str]) -> str:
    """Return the policy under which a browser runs the page's own script, and asks nobody for anything."""
    style, script = (
        base64.b64encode(hashlib.sha256(parts[name].encode()).digest()).decode() for name in ("css", "js")
    )
    return f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; script-src 'sha256-{script}'"


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text()
