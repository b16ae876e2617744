"""Reading, publishing and verifying what is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.layout import data_key, record_key
from assay.errors import StoreError
from assay.stores.documents import read_document
from assay.stores.files import sha256_of
from assay.stores.store import ObjectInfo, Store


@dataclass(frozen=True, kw_only=True)
class RecordState:
    """Whether a stage is done, and if so, what keeps its record from being used."""

    record: Record | None
    damage: str | None  # a clause, such as `data/model.bin is gone or cut short`


def load_record(store: Store, ref: ArtifactRef) -> Record | None:
    """Return the stage's record, or None while it is not done.

    Raises:
        StoreError: what lies there is no record, or that of another stage.

    """
    record = read_document(store, record_key(ref), Record)
    if record is not None and record.identity.ref != ref:
        raise StoreError(
            f"{store.uri}/{record_key(ref)}",
            f"found the record of {record.identity.ref}, expected that of the stage whose folder it is in",
            "Delete it; assay runs the stage again.",
        )
    return record


def publish(store: Store, record: Record) -> Record:
    """Make the stage done, unless it is: the record that counts is returned, whoever wrote it."""
    ref = record.identity.ref
    while not store.create(record_key(ref), record.encode()):
        existing = load_record(store, ref)
        if existing is not None:  # otherwise it was withdrawn in between
            return existing
    return record


def verify(
    store: Store,
    ref: ArtifactRef,
    listed: Mapping[str, ObjectInfo],
    known: Mapping[ArtifactRef, str | None],
) -> RecordState:
    """Say whether the stage's record may be used now: its files are there, and its inputs are still those it read.

    `listed` is what lies in the stage's folder; `known` are digests of outputs that were looked at before, None where they were not
    whole. While an input has no record that may be used, nobody can say, and the record counts as absent: the input's stage
    runs again, and if it writes the same bytes, this record holds again.

    Raises:
        StoreError: what lies there is no record.

    """
    record = load_record(store, ref) if record_key(ref) in listed else None
    if record is None:
        return RecordState(record=None, damage=None)
    missing = missing_outputs(record, listed)
    if missing:
        return RecordState(record=record, damage=f"{_several(missing)} gone or cut short")
    changed = []
    for read, was in record.provenance.inputs.items():
        source = ArtifactRef(read)
        now = known[source] if source in known else _outputs_digest(store, source)
        if now is None:
            return RecordState(record=None, damage=None)
        if now != was:
            changed.append(read)
    return RecordState(record=record, damage=f"{_several(changed)} not what was read" if changed else None)


class DamagedOutput(StoreError):
    """A file that a stage wrote does not hold what its record says."""


def download_output(store: Store, record: Record, path: str, to: Path) -> None:
    """Bring a file that a stage wrote to the local disk, if it still holds what was written.

    Raises:
        DamagedOutput: it holds something else; nothing is left on the local disk.
        StoreError: it is gone.

    """
    ref, expected = record.identity.ref, record.outputs.files[path].sha256
    key = data_key(ref, record.provenance.attempt, path)
    store.download(key, to)
    found = sha256_of(to)
    if found != expected:
        to.unlink()
        raise DamagedOutput(
            f"{store.uri}/{key}",
            f"found bytes of sha256 {found[:12]}…, expected {expected[:12]}… as its record says",
            f"Restore the file, or delete {record_key(ref)} so that the stage runs again.",
        )


def missing_outputs(record: Record, listed: Mapping[str, ObjectInfo]) -> list[str]:
    """Name the output files that are gone or have another size than the record says."""
    folder = data_key(record.identity.ref, record.provenance.attempt, "")
    sizes = {key.removeprefix(folder): info.size for key, info in listed.items()}
    return [path for path, file in record.outputs.files.items() if sizes.get(path) != file.size]


def _outputs_digest(store: Store, ref: ArtifactRef) -> str | None:
    record = load_record(store, ref)
    return None if record is None else record.outputs_digest


def _several(names: list[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more are"
