"""`assay compare`: the verdicts of what is done, as a table or a file, and the items on which two arms differ.

What a model answered may be anything that its benchmark asks for, so it is printed only where it is asked for.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from rich.table import Table

from assay.api.faults import did_you_mean
from assay.artifacts.canonical import canonical_json
from assay.artifacts.documents import ArtifactRef
from assay.artifacts.outputs import FINAL
from assay.cli.lm_eval_results import write_results
from assay.cli.outcomes import stored_outcomes
from assay.cli.terminal import PLAIN, console, say
from assay.cli.verdicts import print_published, print_verdicts, published
from assay.errors import SpecError
from assay.plan.plan import Plan
from assay.report.figures import figure
from assay.report.lines import ANSWERS, place
from assay.report.write import read_report
from assay.settings.local import backend_for, open_local
from assay.statistics.runs import ROUNDING
from assay.stores.records import load_record
from assay.stores.store import Store

Row = dict[str, Any]

_LETTERS = 60  # of an answer


def main(
    file: Path,
    store_uri: str,
    *,
    flips: str | None,
    contrast: str | None,
    limit: int,
    texts: bool,
    to: Path | None,
    output: str,
) -> None:
    """Read the verdicts from the store; nothing is run."""
    if flips is None and (contrast is not None or texts):
        raise SpecError(
            "--contrast, --texts", "found no --flips, expected it beside them", "Add --flips TASK."
        )
    local = open_local(file, store_uri)
    backend = backend_for(local.experiment, None)
    plan, _ = local.control(backend).look()
    backend.close()
    data = read_report(plan, local.store).data
    written = None if to is None else _written(to, data, plan, local.store)
    found = None if flips is None else flipped(local.store, verdict_on(data, flips, contrast), limit)
    if found is not None and not texts:
        found["items"] = [{**item, "answerA": None, "answerB": None} for item in found["items"]]
    if output == "json":
        say(
            canonical_json(
                {
                    "comparisons": data["comparisons"],
                    "published": published(data),
                    "reproduced": data["published"],
                    "flips": found,
                }
            ).decode()
        )
    elif found is not None:
        print_flips(found, texts=texts)
    else:
        print_verdicts(data)
        print_published(data)
    if written is not None and output != "json":
        say(written)


def _written(to: Path, data: Row, plan: Plan, store: Store) -> str:
    """Write verdicts, or every run's scores where a folder is named; return what to say of it."""
    if not to.suffix:
        return f"results of {write_results(to, plan, store)} models: {to}"
    write_rows(to, verdict_rows(data))
    return f"verdicts: {to}"


def verdict_rows(data: Row) -> list[Row]:
    """Return every verdict of a report as a flat row: contrasts, curves and derived measures alike."""
    return [
        {
            "comparison": document["comparison"]["name"],
            "kind": kind,
            "contrast": item.get("contrast"),
            "task": item.get("task") or item.get("expression"),
            "coordinates": place(item),
            "a": item["a"]["arm"] if "a" in item else item["arm"],
            "b": item["b"]["arm"] if "b" in item else None,
            "primary": item.get("primary", False),
            "exploratory": item.get("exploratory", False),
            "word": item["word"],
            "unit": item.get("unit"),
            "n": item.get("n"),
            "higher_a": item.get("higherA"),
            "higher_b": item.get("higherB"),
            "effect": item["effect"],
            "low": item["interval"]["low"] if item["interval"] else None,
            "high": item["interval"]["high"] if item["interval"] else None,
            "p": item["p"],
            "adjusted_p": item["adjustedP"],
            "margin": item["margin"],
            "reading": item["reading"],
        }
        for document in data["comparisons"]
        for kind, name in zip(("contrast", "dose", "derived", "trend"), ANSWERS, strict=True)
        for item in document[name]
    ]


_COLUMNS = pa.schema(
    [
        *(
            (name, pa.string())
            for name in ("comparison", "kind", "contrast", "task", "coordinates", "a", "b")
        ),
        *((name, pa.bool_()) for name in ("primary", "exploratory")),
        *((name, pa.string()) for name in ("word", "unit")),
        *((name, pa.int64()) for name in ("n", "higher_a", "higher_b")),
        *((name, pa.float64()) for name in ("effect", "low", "high", "p", "adjusted_p", "margin")),
        ("reading", pa.string()),
    ]
)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as what the file's name says.

    Raises:
        SpecError: it says neither CSV nor Parquet.

    """
    table = pa.Table.from_pylist(list(rows), schema=_COLUMNS)
    path.parent.mkdir(parents=True, exist_ok=True)
    match path.suffix:
        case ".csv":
            pa_csv.write_csv(table, path)
        case ".parquet":
            pq.write_table(table, path)
        case other:
            raise SpecError(
                "--to",
                f"found {other!r}, expected .csv or .parquet, or no ending: a folder",
                "Name such a file.",
            )


def flipped(store: Store, verdict: Row, limit: int) -> Row:
    """Find the items of a verdict on which the arms' means over runs differ, those that differ most first."""
    task = verdict["task"]
    sides = [
        [_outcomes(store, ArtifactRef(run["from"]), task) for run in verdict[side]["runs"]]
        for side in ("a", "b")
    ]
    shared = set.intersection(*(set(items) for side in sides for items in side))
    runs = [run for side in sides for run in side]
    least = ROUNDING * max((abs(run[item]["outcome"]) for run in runs for item in shared), default=0.0)
    items = []
    for item in sorted(shared):
        a, b = (sum(run[item]["outcome"] for run in side) / len(side) for side in sides)
        if abs(a - b) > least:
            weight = runs[0][item]["weight"]
            answers = [side[0][item]["prediction"] for side in sides]
            items.append(
                {
                    "item": item,
                    "a": a / weight,
                    "b": b / weight,
                    "answerA": answers[0],
                    "answerB": answers[1],
                }
            )
    items.sort(key=lambda item: (-abs(item["a"] - item["b"]), item["item"]))
    return {
        "contrast": verdict["contrast"],
        "coordinates": verdict["coordinates"],
        "task": task,
        "armA": verdict["a"]["arm"],
        "armB": verdict["b"]["arm"],
        "differing": len(items),
        "n": len(shared),
        "items": items[:limit],
    }


def verdict_on(data: Row, task: str, contrast: str | None) -> Row:
    """Return a report's verdict of a contrast on a task; without a contrast the only one.

    Raises:
        SpecError: there is none, or more than one.

    """
    found: list[tuple[str, Row]] = [
        (f"{document['comparison']['name']}/{_called(item)}", item)
        for document in data["comparisons"]
        for item in document["verdicts"]
    ]
    fitting = [
        (name, item)
        for name, item in found
        if item["task"] == task and contrast in (None, item["contrast"], _called(item), name)
    ]
    if len(fitting) > 1:
        raise SpecError(
            "--flips",
            f"found {len(fitting)} verdicts on {task}, expected one: {', '.join(name for name, _ in fitting)}",
            "Name it with --contrast.",
        )
    if not fitting:
        known = sorted({f"{_called(item)} on {item['task']}" for _, item in found})
        wanted = f"{contrast or 'any contrast'} on {task}"
        raise SpecError(
            "--flips",
            f"found no verdict of {wanted}, expected one of {', '.join(known) or 'none yet'}",
            did_you_mean(task, sorted({item["task"] for _, item in found}), "Name a task that was compared."),
        )
    return fitting[0][1]


def _called(item: Row) -> str:
    at = place(item)
    return f"{item['contrast']}[{at}]" if at else str(item["contrast"])


def _outcomes(store: Store, ref: ArtifactRef, task: str) -> Mapping[str, Row]:
    """Read what one run scored on a task: its only checkpoint's items, or its last one's."""
    columns = ["task", "checkpoint", "doc_id", "outcome", "weight", "prediction"]
    rows = [
        row for row in stored_outcomes(store, ref, load_record(store, ref), columns) if row["task"] == task
    ]
    checkpoints = {row["checkpoint"] for row in rows}
    wanted = checkpoints if len(checkpoints) == 1 else {FINAL}
    return {row["doc_id"]: row for row in rows if row["checkpoint"] in wanted}


def print_flips(found: Row, *, texts: bool) -> None:
    """Print the items on which two arms differ; what the models answered only with `texts`."""
    table = Table(**PLAIN)
    for title in ("ITEM", found["armA"], found["armB"], *(("ANSWER A", "ANSWER B") if texts else ())):
        table.add_column(title, overflow="fold")
    for item in found["items"]:
        answers = (_short(item["answerA"]), _short(item["answerB"])) if texts else ()
        table.add_row(item["item"], figure(item["a"]), figure(item["b"]), *answers)
    console().print(table)
    shown = f"; {len(found['items'])} of them shown" if len(found["items"]) < found["differing"] else ""
    say(f"{_called(found)} on {found['task']}: {found['differing']} of {found['n']} items differ{shown}")
    if not texts:
        say("Answers are not shown: --texts prints them (of each arm's first run), whatever they are.")


def _short(answer: str) -> str:
    line = answer.encode("unicode_escape").decode()
    return line if len(line) <= _LETTERS else f"{line[: _LETTERS - 1]}…"
