"""`assay ledger`: which rows a clean stage dropped or changed, by which step, and why. Row texts are never printed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.api.faults import did_you_mean
from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import experiment_key
from assay.artifacts.outputs import LEDGER
from assay.cli.ledger_rows import Rows, first_lines, sampled_lines
from assay.cli.ledger_text import print_counts, print_lines, print_story
from assay.cli.pick import pick, pick_ref
from assay.cli.terminal import say
from assay.errors import SpecError, StoreError
from assay.report.story import INTAKE
from assay.stores.by_id import SortedOutput
from assay.stores.open import open_to_read
from assay.stores.records import load_record
from assay.stores.store import Store
from assay.stores.uses import experiments


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """A clean stage that is done."""

    store: Store
    label: str
    record: Record


def main(
    experiment: str,
    stage: str | None,
    store_uri: str,
    *,
    row: str | None,
    step: str | None,
    sample: int | None,
    limit: int,
    output: str,
) -> None:
    """Tell a row's story; or the counts, and the lines asked for."""
    if row is not None and (step is not None or sample is not None):
        raise SpecError("--row", "found --step or --sample beside it, expected it alone", "Leave one out.")
    cleaned = _of_file(Path(experiment), stage, store_uri) if stage else _of_store(experiment, store_uri)
    if row is not None:
        told = _story(cleaned, row)
        say(json.dumps(told)) if output == "json" else print_story(told, cleaned.label)
        return
    summary = cleaned.record.outputs.summary
    if step is not None:
        _check_step(cleaned, step)
    ledger = SortedOutput(cleaned.store, cleaned.record, LEDGER)
    found = sampled_lines(ledger, sample, step) if sample else first_lines(ledger, limit, step)
    lines = found.to_pylist()
    if output == "json":
        say(json.dumps({"summary": summary, "rows": lines}))
        return
    say(f"{cleaned.label}: {summary['rows']} rows kept")
    print_counts(summary if step is None else _of_step(summary, step))
    print_lines(lines)
    if len(lines) == limit and not sample:
        say(f"the first {limit} lines; --limit shows more")


def _of_step(summary: dict[str, Any], step: str) -> dict[str, Any]:
    """Return the counts of one step, or of the intake."""
    steps = [item for item in summary["steps"] if item["name"] == step]
    return {"sources": summary["sources"] if step == INTAKE else {}, "steps": steps}


def _of_file(file: Path, stage: str, store_uri: str) -> Cleaned:
    """Find a stage of an experiment's file, whose inputs are read to know what it is."""
    # Whoever names a stage of the store does not wait for what compiles a file.
    from assay.settings.local import open_local  # noqa: PLC0415

    local = open_local(file, store_uri)
    planned = pick(local.plan, stage)
    return _cleaned(local.store, planned.ref, planned.label)


def _of_store(text: str, store_uri: str) -> Cleaned:
    """Find EXPERIMENT/STAGE by the reports in a store.

    Raises:
        SpecError: no report is of such an experiment, or several are.

    """
    store = open_to_read(store_uri)
    names = experiments(store)
    reported = {
        experiment: report
        for experiment in names
        if text.startswith((f"{_own(experiment)}/", f"{experiment}/"))
        and (report := _report(store, experiment)) is not None
    }
    if len(reported) != 1:
        known = ", ".join(names) or "none"
        raise SpecError(
            f"{text!r} in {store.uri}",
            f"found {len(reported)} reports of experiments that it could mean, expected one; there are {known}",
            "Name EXPERIMENT/STAGE, or the experiment's file and then the stage.",
        )
    ((experiment, report),) = reported.items()
    stage = text.removeprefix(f"{experiment}/").removeprefix(f"{_own(experiment)}/")
    labels = {ArtifactRef(item["from"]): [item["label"], *item["members"]] for item in report["stages"]}
    ref = pick_ref(labels, stage)
    return _cleaned(store, ref, labels[ref][0])


def _own(experiment: str) -> str:
    """Return an experiment's name without its namespace."""
    return experiment.partition("/")[2]


def _report(store: Store, experiment: str) -> dict[str, Any] | None:
    key = experiment_key(experiment, "report.json")
    data = store.get(key)
    if data is None:
        return None
    try:
        report: dict[str, Any] = json.loads(data)
    except ValueError as error:
        do = "Run `assay report`, which writes it anew."
        raise StoreError(f"{store.uri}/{key}", "found damaged bytes, expected JSON", do) from error
    return report


def _cleaned(store: Store, ref: ArtifactRef, label: str) -> Cleaned:
    if ref.kind is not Kind.CLEAN:
        raise SpecError(
            label, f"found a {ref.kind.value} stage, expected a clean stage", "Name a clean stage."
        )
    record = load_record(store, ref)
    if record is None:
        raise SpecError(label, "found no record, expected a finished stage", "Run the experiment first.")
    return Cleaned(store=store, label=label, record=record)


def _check_step(cleaned: Cleaned, step: str) -> None:
    known = [INTAKE, *(item["name"] for item in cleaned.record.outputs.summary["steps"])]
    if step not in known:
        raise SpecError(
            f"step {step!r} of {cleaned.label}",
            f"found no such step, expected one of {', '.join(known)}",
            did_you_mean(step, known, "Name one of them."),
        )


def _story(cleaned: Cleaned, text: str) -> dict[str, Any]:
    """Tell the story of a row, and what became of the row that it repeats."""
    rows = Rows.of(cleaned.store, cleaned.record)
    told = rows.story(rows.find(text))
    told["from"] = _origin(cleaned, told["source"])
    original = next((item["duplicate_of"] for item in told["steps"] if "duplicate_of" in item), None)
    return told if original is None else told | {"original": rows.story(original)}


def _origin(cleaned: Cleaned, name: str) -> str:
    """Say where a source's rows come from."""
    # What lies where is not part of a record's identity: the attempt's claim knows.
    from assay.stores.claims import read_claim  # noqa: PLC0415

    record = cleaned.record
    source = next(item for item in record.identity.spec["sources"] if item["name"] == name)
    if "from" in source:
        return f"{source['from']}, part {source['split']}" if "split" in source else str(source["from"])
    claim = read_claim(cleaned.store, record.identity.ref, record.provenance.attempt)
    return claim.locations[source["uri"]].uri
