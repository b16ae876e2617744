"""`assay index`: the experiments of a store, as a table, as JSON, and as a page with a link to every report."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from rich.table import Table

from assay.artifacts.layout import INDEX, experiment_key
from assay.cli.terminal import PLAIN, console, say
from assay.report.index import blank_row, index_page, index_row
from assay.stores.open import open_store, open_to_read
from assay.stores.store import Store
from assay.stores.uses import experiments, is_pinned

Row = dict[str, Any]


def main(store_uri: str, *, to: Path | None, output: str) -> None:
    """List every experiment that the store has a document of, and write the page; as JSON only where a folder is named."""
    store = open_to_read(store_uri)
    rows = [_row(store, name) for name in experiments(store)]
    if to is not None and rows:
        _copy(store, rows, to)
        (to / INDEX).write_text(index_page(_place(store.uri), rows))
    if output == "json":
        say(json.dumps({"store": store.uri, "experiments": rows}))
        return
    if not rows:
        say(f"{store.uri} has no experiment yet.")
        return
    _print(rows)
    if to is None:
        open_store(store_uri).put(INDEX, index_page(_place(store.uri), rows).encode())
    say(f"index: {_place(f'{store.uri}/{INDEX}') if to is None else to / INDEX}")


def _row(store: Store, experiment: str) -> Row:
    key = experiment_key(experiment, "report.json")
    data, info = store.get(key), store.info(key)
    pinned = is_pinned(store, experiment)
    if data is None or info is None:
        return blank_row(experiment, "no report yet", pinned=pinned)
    try:
        row = index_row(experiment, json.loads(data), reported=info.modified, pinned=pinned)
    except (
        ValueError,
        KeyError,
        TypeError,
    ):  # damaged, or another version's: the others are listed all the same
        return blank_row(experiment, "unreadable report", pinned=pinned)
    return row if store.info(experiment_key(experiment, "report.html")) else row | {"report": None}


def _print(rows: list[Row]) -> None:
    table = Table(**PLAIN)
    for title in ("EXPERIMENT", "DONE", "REPORTED", "VERDICT"):
        table.add_column(title, overflow="fold")
    for row in rows:
        done = row["phase"] if row["stages"] is None else f"{row['done']}/{row['stages']}"
        more = len(row["verdicts"]) - 1
        verdict = f"{row['verdicts'][0]}{f'; {more} more' if more else ''}" if row["verdicts"] else ""
        name = f"{row['experiment']}{' (pinned)' if row['pinned'] else ''}"
        table.add_row(name, done, row["reported"] or "", verdict)
    console().print(table)


def _copy(store: Store, rows: list[Row], to: Path) -> None:
    """Bring every report to where the page looks for it."""
    to.mkdir(parents=True, exist_ok=True)
    for row in rows:
        if row["report"]:
            store.download(row["report"], to / row["report"])


def _place(uri: str) -> str:
    return unquote(urlparse(uri).path) if uri.startswith("file:") else uri
