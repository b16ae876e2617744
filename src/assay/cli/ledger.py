"""`assay ledger`: which rows a clean stage dropped or changed, by which step, and why."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.table import Table

from assay.artifacts.documents import Record
from assay.artifacts.kinds import Kind
from assay.artifacts.outputs import LEDGER
from assay.cli.pick import pick
from assay.cli.terminal import PLAIN, console, say
from assay.errors import SpecError
from assay.settings.local import open_local
from assay.stores.records import download_output, load_record
from assay.stores.store import Store


def main(
    file: Path, stage: str, store_uri: str, *, step: str | None, row: str | None, limit: int, output: str
) -> None:
    """Print counts per step, then the rows asked for. Row texts are never printed."""
    local = open_local(file, store_uri)
    planned = pick(local.plan, stage)
    if planned.kind is not Kind.CLEAN:
        raise SpecError(
            planned.label,
            f"found a {planned.kind.value} stage, expected a clean stage",
            "Name a clean stage.",
        )
    record = load_record(local.store, planned.ref)
    if record is None:
        raise SpecError(
            planned.label, "found no record, expected a finished stage", "Run the experiment first."
        )
    summary = record.outputs.summary
    lines = _lines(local.store, record, step, row, limit)
    if output == "json":
        say(json.dumps({"summary": summary, "rows": lines}))
        return
    say(f"{planned.label}: {summary['rows']} rows kept")
    counts = Table(**PLAIN)
    for title in ("STEP", "KIND", "IN", "DROPPED", "CHANGED", "ASIDE", "OUT"):
        counts.add_column(title, justify="left" if title in ("STEP", "KIND") else "right")
    for name, source in summary["sources"].items():
        counts.add_row(
            "intake",
            name,
            str(source["in"]),
            str(source["rejected"]),
            "",
            "",
            str(source["in"] - source["rejected"]),
        )
    for item in summary["steps"]:
        counts.add_row(
            *(
                str(item.get(key, ""))
                for key in ("name", "kind", "in", "dropped", "changed", "setAside", "out")
            )
        )
    console().print(counts)
    if lines:
        say("")
    table = Table(**PLAIN)
    for title in ("ROW", "SOURCE", "STEP", "RULE", "SCORE", "DUPLICATE OF", "DETAIL"):
        table.add_column(title, overflow="fold")
    for line in lines:
        score = "" if line["score"] is None else f"{line['score']:.3g}"
        table.add_row(
            line["id"][:12],
            line["source"],
            line["step"],
            line["rule"],
            score,
            (line["duplicate_of"] or "")[:12],
            line["detail"] or "",
        )
    console().print(table)


def _lines(
    store: Store, record: Record, step: str | None, row: str | None, limit: int
) -> list[dict[str, Any]]:
    with TemporaryDirectory() as folder:
        local = Path(folder) / LEDGER
        download_output(store, record, LEDGER, local)
        table = pq.read_table(local)
    if step is not None:
        table = table.filter(pc.equal(table["step"], step))
    if row is not None:
        table = table.filter(pc.starts_with(table["id"], row))
    lines: list[dict[str, Any]] = table.slice(0, limit).to_pylist()
    return lines
