"""What an evaluate stage kept of every item, as a command reads it."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow.parquet as pq

from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.layout import data_key
from assay.artifacts.outputs import OUTCOMES
from assay.errors import StoreError
from assay.stores.store import Store


def stored_outcomes(
    store: Store, ref: ArtifactRef, record: Record | None, columns: Sequence[str]
) -> list[dict[str, Any]]:
    """Return some columns of a stage's outcomes, a row for each item.

    Raises:
        StoreError: they are not there.

    """
    text = None if record is None else store.get(data_key(ref, record.provenance.attempt, OUTCOMES))
    if text is None:
        raise StoreError(
            f"{store.uri}, {ref}", f"found no {OUTCOMES}, expected it", "Run the experiment again."
        )
    # Without threads: a command that ends while Arrow still starts some is aborted.
    table = pq.ParquetFile(io.BytesIO(text), pre_buffer=False).read(columns=list(columns), use_threads=False)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows
