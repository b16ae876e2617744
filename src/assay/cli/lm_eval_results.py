"""`assay compare --to FOLDER`: the scores of every run, each as lm-evaluation-harness writes its results."""

import io
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from assay.artifacts.documents import Record
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key
from assay.artifacts.outputs import OUTCOMES
from assay.errors import StoreError
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
    text = store.get(data_key(record.identity.ref, record.provenance.attempt, OUTCOMES))
    if text is None:
        where = f"{store.uri}, {record.identity.ref}"
        raise StoreError(where, f"found no {OUTCOMES}, expected it", "Run the experiment again.")
    columns = ["task", "checkpoint", "doc_id", "outcome", "weight"]
    # Without threads: a command that ends while Arrow still starts some is aborted.
    table = pq.ParquetFile(io.BytesIO(text), pre_buffer=False).read(columns=columns, use_threads=False)
    for row in table.to_pylist():
        found.setdefault((row["task"], row["checkpoint"]), []).append(row)
    return found
