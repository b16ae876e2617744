"""Reading and publishing what is done."""

from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.layout import data_key, record_key
from assay.stores.store import Store


def load_record(store: Store, ref: ArtifactRef) -> Record | None:
    """Return the stage's record, or None while it is not done."""
    data = store.get(record_key(ref))
    return None if data is None else Record.decode(data)


def publish(store: Store, record: Record) -> Record:
    """Make the stage done, unless it is: the record that counts is returned, whoever wrote it."""
    ref = record.identity.ref
    if store.create(record_key(ref), record.encode()):
        return record
    existing = load_record(store, ref)
    return record if existing is None else existing


def missing_outputs(store: Store, record: Record) -> list[str]:
    """Name the output files that are gone or have another size than the record says."""
    ref, attempt = record.identity.ref, record.provenance.attempt
    found = {path: store.info(data_key(ref, attempt, path)) for path in record.outputs.files}
    return [
        path for path, info in found.items() if info is None or info.size != record.outputs.files[path].size
    ]
