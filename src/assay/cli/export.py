"""`assay export`: an experiment as a folder that reproduces it: its spec, what it reads, what it made, its report."""

import json
import shutil
from collections.abc import Iterator, Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from assay.artifacts.canonical import canonical_json
from assay.artifacts.documents import ArtifactRef, Location, Record
from assay.artifacts.kinds import Kind
from assay.cli.terminal import say, some
from assay.errors import SpecError
from assay.plan.plan import Plan
from assay.report.write import write_report
from assay.settings.local import Local, backend_for
from assay.settings.portable import Portable, written_to
from assay.stores.claims import declare_use
from assay.stores.copied import copy_documents, copy_stage
from assay.stores.open import open_store, open_to_read
from assay.stores.records import load_record
from assay.stores.store import Store

_STORE, _README, _LOCK, _CLASSES = "store", "README.md", "requirements.txt", "environments.json"
_PARTIAL = (
    ".partial"  # what is not whole yet; an export that was killed leaves it, and the next one begins anew
)
_REPORTS = ("report.html", "report.json")


def main(file: Path, store_uri: str, *, to: Path, models: bool) -> None:
    """Write the folder.

    Raises:
        SpecError: something is there already.

    """
    if to.exists() and (not to.is_dir() or any(item.name != _PARTIAL for item in to.iterdir())):
        raise SpecError(str(to), "found something there, expected a new or an empty folder", "Name another.")
    source = open_to_read(store_uri)
    partial = to / _PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        told = _write(file, source, to=partial, models=models)
        for item in partial.iterdir():
            item.rename(to / item.name)
    finally:
        shutil.rmtree(partial)
    say(f"{to}: {told[0]}")
    for note in told[1:]:
        say(f"note: {note}")


def _write(file: Path, source: Store, *, to: Path, models: bool) -> list[str]:
    """Write all of it; return what to say: what is there, then what a reader should know."""
    portable = written_to(to, file, frozenset({_STORE, _README, _LOCK, _CLASSES, *_REPORTS}))
    plan = _settled(portable, source)
    target = open_store(str(to / _STORE))
    records = _copy(plan, source, target, portable.places, models=models)
    report = write_report(plan, target)
    (to / _REPORTS[0]).write_text(report.html)
    (to / _REPORTS[1]).write_bytes(canonical_json(report.data))
    (to / _LOCK).write_text(_installed())
    (to / _CLASSES).write_text(json.dumps(_classes(plan, records), indent=1, sort_keys=True) + "\n")
    notes = list(_notes(portable, plan, records, models=models))
    (to / _README).write_text(_readme(file.name, plan, notes))
    return [f"{len(records)} of {len(plan.stages)} stages, {len(portable.places)} inputs", *notes]


def _settled(portable: Portable, store: Store) -> Plan:
    """Return the plan as the store knows it: comparisons leave out what failed."""
    backend = backend_for(portable.experiment, None)
    try:
        local = Local(experiment=portable.experiment, plan=portable.plan, store=store)
        return local.control(backend).look()[0]
    finally:
        backend.close()


def _copy(
    plan: Plan, source: Store, target: Store, places: Mapping[str, Location], *, models: bool
) -> dict[ArtifactRef, Record]:
    records = {}
    for stage in plan.stages:
        record = load_record(source, stage.ref)
        if record is None:
            continue
        whole = models or not _makes_model(record)
        copy_stage(record, source, target, places=places, whole=whole)
        declare_use(target, stage.ref, plan.experiment)
        records[stage.ref] = record
    copy_documents(plan.experiment, source, target)
    return records


def _makes_model(record: Record) -> bool:
    identity = record.identity
    return identity.kind is Kind.TRAIN or identity.spec.get("output") == "model"


def _installed() -> str:
    """Say what is installed here, as pip reads it."""
    found = sorted({f"{item.name}=={item.version}" for item in distributions()}, key=str.lower)
    head = (
        "# What was installed where this folder was made; environments.json has what each stage ran with.\n"
    )
    return head + "".join(f"{line}\n" for line in found)


def _classes(plan: Plan, records: dict[ArtifactRef, Record]) -> list[dict[str, Any]]:
    """Return every environment in which stages ran, with their names."""
    classes: dict[bytes, dict[str, Any]] = {}
    for ref, record in records.items():
        environment = record.provenance.environment
        found = classes.setdefault(canonical_json(environment), {"environment": environment, "stages": []})
        found["stages"].append(plan.by_ref[ref].label)
    return list(classes.values())


def _notes(
    portable: Portable, plan: Plan, records: dict[ArtifactRef, Record], *, models: bool
) -> Iterator[str]:
    missing = [stage.label for stage in plan.stages if stage.ref not in records]
    if missing:
        yield f"{len(missing)} stages were not done when this was made, and run first: {some(missing)}."
    if not models:
        yield (
            "Models are left out: `assay report`, `status` and `compare` need none, `assay run` trains them again"
            " (and reuses the rest, if they come out byte for byte as they were)."
        )
    if portable.elsewhere:
        yield f"On a hub, and not in this folder: {some(portable.elsewhere)}."
    if portable.renamed:
        yield (
            f"Known by an object store's ETag before, and by content here, so that what reads it runs again: {some(portable.renamed)}."
        )


def _readme(name: str, plan: Plan, notes: list[str]) -> str:
    noted = "".join(f"* {note}\n" for note in notes)
    return f"""# {plan.experiment}

`{name}` is the experiment, with what it reads beside it; `store/` has what its stages made, `report.html` what it showed.
`requirements.txt` and `environments.json` say with which versions. No path here leads out of this folder. The chats and what models
wrote are here as they are, whatever they say.

    assay run {name} --store store

reuses all that is in `store/`, verified, and runs what is missing. With another `--store` it makes everything anew:
compare the two reports.
{f"{chr(10)}{noted}" if noted else ""}"""
