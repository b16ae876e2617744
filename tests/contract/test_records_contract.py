"""Publishing and verifying what is done, on every store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from assay.artifacts.documents import ArtifactRef, OutputFile, Outputs, Provenance, Record, StageDocument
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key, record_key
from assay.errors import StoreError
from assay.stores.claims import listing
from assay.stores.records import RecordState, load_record, publish, verify
from assay.stores.store import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def a_stage(seed: int = 1, *reads: str) -> StageDocument:
    return StageDocument(kind=Kind.TRAIN, semantics=1, spec={"seed": seed}, reads=reads)


def a_record(
    stage: StageDocument,
    *,
    attempt: int = 1,
    files: dict[str, int] | None = None,
    inputs: dict[str, str] | None = None,
    rows: int = 1,
) -> Record:
    return Record(
        identity=stage,
        outputs=Outputs(
            files={path: OutputFile(size=size, sha256="0" * 64) for path, size in (files or {}).items()},
            summary={"rows": rows},
        ),
        provenance=Provenance(
            attempt=attempt,
            inputs=inputs or {},
            execution={},
            environment={},
            started_at=NOW,
            finished_at=NOW,
        ),
    )


def with_files(store: Store, record: Record) -> Record:
    for path, file in record.outputs.files.items():
        store.put(data_key(record.identity.ref, record.provenance.attempt, path), b"x" * file.size)
    return record


def verify_now(store: Store, ref: ArtifactRef) -> RecordState:
    return verify(store, ref, listing(store, ref), {})


def test_a_stage_without_a_record_is_not_done(store: Store) -> None:
    assert load_record(store, a_stage().ref) is None
    assert verify_now(store, a_stage().ref) == RecordState(record=None, damage=None)


def test_what_is_published_is_loaded(store: Store) -> None:
    record = a_record(a_stage())
    assert publish(store, record) == record
    assert load_record(store, a_stage().ref) == record


def test_of_many_publishers_one_counts_and_all_agree(store: Store) -> None:
    records = [a_record(a_stage(), attempt=number) for number in range(1, 17)]
    with ThreadPoolExecutor(16) as pool:
        published = list(pool.map(lambda record: publish(store, record), records))
    assert published == [load_record(store, a_stage().ref)] * 16


def test_a_record_whose_files_are_there_may_be_used(store: Store) -> None:
    record = with_files(store, a_record(a_stage(), files={"model/weights.bin": 10, "log.txt": 0}))
    publish(store, record)
    assert verify_now(store, a_stage().ref) == RecordState(record=record, damage=None)


def test_a_record_without_files_may_be_used(store: Store) -> None:
    record = publish(store, a_record(a_stage()))
    assert verify_now(store, a_stage().ref) == RecordState(record=record, damage=None)


def test_a_file_that_is_gone_damages_its_record(store: Store) -> None:
    record = publish(store, with_files(store, a_record(a_stage(), files={"a": 1, "b": 2, "c": 3})))
    store.delete(data_key(a_stage().ref, 1, "b"))
    assert verify_now(store, a_stage().ref) == RecordState(record=record, damage="b is gone or cut short")


def test_a_file_that_is_cut_short_damages_its_record(store: Store) -> None:
    publish(store, with_files(store, a_record(a_stage(), files={"a": 5, "b": 5})))
    for path in ("a", "b"):
        store.put(data_key(a_stage().ref, 1, path), b"xx")
    assert verify_now(store, a_stage().ref).damage == "a and 1 more are gone or cut short"


def test_files_of_another_attempt_do_not_count(store: Store) -> None:
    with_files(store, a_record(a_stage(), attempt=1, files={"a": 1}))
    publish(store, a_record(a_stage(), attempt=2, files={"a": 1}))
    assert verify_now(store, a_stage().ref).damage == "a is gone or cut short"


def test_a_record_whose_inputs_are_what_was_read_may_be_used(store: Store) -> None:
    upstream = publish(store, a_record(a_stage(1), rows=7))
    ref = upstream.identity.ref
    record = publish(store, a_record(a_stage(2, ref), inputs={ref: upstream.outputs_digest}))
    assert verify_now(store, record.identity.ref) == RecordState(record=record, damage=None)


def test_an_input_that_was_made_again_with_other_bytes_damages_the_record(store: Store) -> None:
    upstream = publish(store, a_record(a_stage(1), rows=7))
    ref = upstream.identity.ref
    record = publish(store, a_record(a_stage(2, ref), inputs={ref: upstream.outputs_digest}))
    store.delete(record_key(ref))
    publish(store, a_record(a_stage(1), attempt=2, rows=8))
    assert verify_now(store, record.identity.ref) == RecordState(
        record=record, damage=f"{ref} is not what was read"
    )


def test_while_an_input_is_being_made_again_its_reader_is_not_done_and_the_same_bytes_make_it_so(
    store: Store,
) -> None:
    upstream = publish(store, a_record(a_stage(1), rows=7))
    ref = upstream.identity.ref
    record = publish(store, a_record(a_stage(2, ref), inputs={ref: upstream.outputs_digest}))
    store.delete(record_key(ref))
    assert verify_now(store, record.identity.ref) == RecordState(record=None, damage=None)
    publish(store, a_record(a_stage(1), attempt=2, rows=7))
    assert verify_now(store, record.identity.ref) == RecordState(record=record, damage=None)


@pytest.mark.parametrize("damage", [b"", b'{"identity": {}', b"[]", b"\x00\xff"])
def test_a_damaged_record_is_told_in_three_parts(store: Store, damage: bytes) -> None:
    ref = a_stage().ref
    store.put(record_key(ref), damage)
    for act in (load_record, verify_now):
        with pytest.raises(StoreError) as caught:
            act(store, ref)
        assert caught.value.where == f"{store.uri}/{record_key(ref)}"
        assert "no Record" in caught.value.found
        assert "delete it" in caught.value.do


def test_the_record_of_another_stage_is_told(store: Store) -> None:
    store.put(record_key(a_stage(1).ref), a_record(a_stage(2)).encode())
    with pytest.raises(StoreError, match="expected that of the stage"):
        load_record(store, a_stage(1).ref)
