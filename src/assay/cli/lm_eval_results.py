"""`assay compare --to FOLDER`: the scores of every run, each as lm-evaluation-harness writes its results."""

import json
from pathlib import Path
from typing import Any

from assay.artifacts.documents import Record
from assay.artifacts.kinds import Kind
from assay.cli.outcomes import stored_outcomes
from assay.plan.plan import Plan
from assay.report.lm_eval import results_documents
from assay.stores.records import load_record
from assay.stores.store import Store


def write_results(folder: Path, plan: Plan, store: Store) -> int:
    """Write a results file for every model that was measured so far, and return how many there are."""
    number = 0
    for stage in plan.stages:
        record = load_record(store, stage.ref) if stage.kind is Kind.EVALUATE else None
        if record is None:
            continue
        for name, document in results_documents(stage.label, record, _outcomes(store, record)).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(document, indent=2, ensure_ascii=False))
            number += 1
    return number


def _outcomes(store: Store, record: Record) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    columns = ["task", "checkpoint", "doc_id", "outcome", "weight"]
    for row in stored_outcomes(store, record.identity.ref, record, columns):
        found.setdefault((row["task"], row["checkpoint"]), []).append(row)
    return found
