"""From a store to the report in it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlparse

from assay.api.profile import Prices
from assay.artifacts.canonical import canonical_json
from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key, experiment_key
from assay.artifacts.outputs import VERDICTS
from assay.errors import StoreError
from assay.plan.plan import Plan
from assay.report.data import report_data
from assay.report.page import page
from assay.stores.records import load_record
from assay.stores.registered import registrations
from assay.stores.store import Store

Known = Callable[[ArtifactRef], Record | None]
"""The record of a stage, where one was read before."""


def _nothing(_ref: ArtifactRef) -> None:
    return None


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report that was written."""

    data: dict[str, Any]
    html: str
    location: str  # of the page: a path, or a URI in S3


def write_report(
    plan: Plan,
    store: Store,
    *,
    refused: frozenset[ArtifactRef] = frozenset(),
    known: Known = _nothing,
    prices: Prices | None = None,
) -> Report:
    """Gather what is done, and keep the report beside the experiment's other documents."""
    report = read_report(plan, store, refused=refused, known=known, prices=prices)
    store.put(experiment_key(plan.experiment, "report.json"), canonical_json(report.data))
    store.put(experiment_key(plan.experiment, "report.html"), report.html.encode())
    return report


def read_report(
    plan: Plan,
    store: Store,
    *,
    refused: frozenset[ArtifactRef] = frozenset(),
    known: Known = _nothing,
    prices: Prices | None = None,
) -> Report:
    """Gather what is done, and render it; a record that is refused counts as if it were not there, and what is not known is read."""
    records: dict[ArtifactRef, Record] = {}
    verdicts: dict[ArtifactRef, dict[str, Any]] = {}
    for stage in plan.stages:
        record = None if stage.ref in refused else known(stage.ref) or load_record(store, stage.ref)
        if record is None:
            continue
        records[stage.ref] = record
        if stage.kind is Kind.COMPARE:
            text = store.get(data_key(stage.ref, record.provenance.attempt, VERDICTS))
            if text is not None:
                verdicts[stage.ref] = _verdicts(f"{store.uri}, {stage.ref}", text)
    data = report_data(plan, records, verdicts, registrations(store, plan.experiment), prices)
    uri = f"{store.uri}/{experiment_key(plan.experiment, 'report.html')}"
    location = unquote(urlparse(uri).path) if uri.startswith("file:") else uri
    return Report(data=data, html=page(data), location=location)


def _verdicts(where: str, text: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(text)
    except ValueError as error:
        do = "Delete the stage's record.json; the next run compares again."
        raise StoreError(f"{where}, {VERDICTS}", "found damaged bytes, expected JSON", do) from error
    return document
