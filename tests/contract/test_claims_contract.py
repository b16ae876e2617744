"""Claims, signs of life and failures, on every store."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from assay.artifacts.documents import ArtifactRef, Attempt, Failure, Progress, StageDocument
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import claim_key, data_key, progress_key, stage_document_key
from assay.errors import BugError, Retry, StoreError
from assay.stores.claims import (
    attempts,
    beat,
    claim,
    declare_stage,
    declare_use,
    fail,
    read_claim,
    read_progress,
    read_stage,
    write_progress,
)
from assay.stores.store import Store
from fakes.memory_store import MemoryStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def a_stage(**spec: Any) -> StageDocument:
    return StageDocument(kind=Kind.CLEAN, semantics=1, spec=spec, reads=())


def an_attempt(number: int = 1, owner: str = "local/host/1/1") -> Attempt:
    return Attempt(number=number, owner=owner, claimed_at=NOW)


def a_failure(reason: str = "Interrupted") -> Failure:
    return Failure(reason=reason, message="a: b. c", retry=Retry.LATER)


@pytest.fixture
def ref() -> ArtifactRef:
    return a_stage().ref


def test_a_stage_that_nobody_tried_has_no_attempts(store: Store, ref: ArtifactRef) -> None:
    assert attempts(store, ref) == []


def test_attempts_come_in_order_of_number(store: Store, ref: ArtifactRef) -> None:
    for number in (10, 2, 1):
        assert claim(store, ref, an_attempt(number))
    assert [state.number for state in attempts(store, ref)] == [1, 2, 10]


def test_a_number_is_claimed_by_one_of_many_launchers(store: Store, ref: ArtifactRef) -> None:
    owners = [f"local/host/{index}/1" for index in range(16)]
    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(lambda owner: claim(store, ref, an_attempt(owner=owner)), owners))
    assert won.count(True) == 1
    assert [state.attempt.owner for state in attempts(store, ref)] == [owners[won.index(True)]]
    assert read_claim(store, ref, 1).owner == owners[won.index(True)]


def test_a_claim_is_a_sign_of_life_and_a_beat_is_a_later_one(ref: ArtifactRef) -> None:
    now = [NOW]
    store = MemoryStore(clock=lambda: now[0])
    claim(store, ref, an_attempt())
    assert attempts(store, ref)[0].last_sign_of_life == NOW
    now[0] = NOW + timedelta(minutes=1)
    beat(store, ref, 1, NOW - timedelta(days=1))  # by the program's clock, which nobody trusts
    assert attempts(store, ref)[0].last_sign_of_life == NOW + timedelta(minutes=1)


def test_signs_of_life_are_told_by_the_stores_clock(store: Store, ref: ArtifactRef) -> None:
    claim(store, ref, an_attempt())
    claimed = attempts(store, ref)[0].last_sign_of_life
    beat(store, ref, 1, NOW)
    beating = attempts(store, ref)[0].last_sign_of_life
    assert claimed <= beating
    assert abs(datetime.now(UTC) - beating) < timedelta(minutes=1)


def test_the_first_failure_counts(store: Store, ref: ArtifactRef) -> None:
    claim(store, ref, an_attempt())
    assert attempts(store, ref)[0].failure is None
    assert fail(store, ref, 1, a_failure("SourceChanged")) == a_failure("SourceChanged")
    assert fail(store, ref, 1, a_failure("Interrupted")) == a_failure("SourceChanged")
    assert attempts(store, ref)[0].failure == a_failure("SourceChanged")


def test_each_attempt_has_its_own_failure(store: Store, ref: ArtifactRef) -> None:
    for number in (1, 2):
        claim(store, ref, an_attempt(number))
    fail(store, ref, 1, a_failure())
    assert [state.failure for state in attempts(store, ref)] == [a_failure(), None]


def test_a_folder_without_a_claim_is_no_attempt(store: Store, ref: ArtifactRef) -> None:
    store.put(data_key(ref, 1, "rows.parquet"), b"left over")
    store.put(data_key(ref, 2, "rows.parquet"), b"left over")
    claim(store, ref, an_attempt(2))
    assert [state.number for state in attempts(store, ref)] == [2]


def test_a_stage_is_declared_as_often_as_one_likes(store: Store) -> None:
    stage = a_stage(steps=["merge"])
    declare_stage(store, stage)
    declare_stage(store, stage)
    assert read_stage(store, stage.ref) == stage


def test_another_stage_in_a_stages_place_is_a_bug(store: Store) -> None:
    stage, other = a_stage(seed=1), a_stage(seed=2)
    store.put(stage_document_key(stage.ref), other.encode())
    with pytest.raises(BugError, match=other.fingerprint):
        declare_stage(store, stage)
    with pytest.raises(BugError, match=other.fingerprint):
        read_stage(store, stage.ref)


def test_what_was_never_declared_or_claimed_is_told(store: Store, ref: ArtifactRef) -> None:
    with pytest.raises(StoreError, match="found no stage"):
        read_stage(store, ref)
    with pytest.raises(StoreError, match="found no claim"):
        read_claim(store, ref, 1)


def test_a_use_is_declared_once_and_its_time_stays(ref: ArtifactRef) -> None:
    now = [NOW]
    store = MemoryStore(clock=lambda: now[0])
    declare_use(store, ref, "team/poison/uid-1")
    now[0] += timedelta(days=1)
    declare_use(store, ref, "team/poison/uid-1")
    assert [info.modified for info in store.keys("uses/")] == [NOW]


def test_uses_are_listed_by_fingerprint(store: Store, ref: ArtifactRef) -> None:
    declare_use(store, ref, "team/poison/uid-1")
    declare_use(store, ref, "team/poison/uid-1")
    declare_use(store, ref, "team/other/uid-2")
    assert sorted(info.key for info in store.keys(f"uses/{ref.fingerprint}/")) == [
        f"uses/{ref.fingerprint}/team/other/uid-2",
        f"uses/{ref.fingerprint}/team/poison/uid-1",
    ]


def test_progress_reads_as_it_was_last_written(store: Store, ref: ArtifactRef) -> None:
    assert read_progress(store, ref, 1) is None
    for done in (1, 2):
        write_progress(store, ref, 1, Progress(doing="training", done=done, total=10, figures={"loss": 2.5}))
    assert read_progress(store, ref, 1) == Progress(doing="training", done=2, total=10, figures={"loss": 2.5})


@pytest.mark.parametrize("damage", [b"", b"{", b'{"doing": 1, "unknown": 2}', b"\xff"])
def test_a_damaged_document_is_told_in_three_parts(store: Store, ref: ArtifactRef, damage: bytes) -> None:
    store.put(progress_key(ref, 1), damage)
    with pytest.raises(StoreError) as caught:
        read_progress(store, ref, 1)
    assert caught.value.where == f"{store.uri}/{progress_key(ref, 1)}"
    assert "no Progress" in caught.value.found
    assert caught.value.do


def test_a_damaged_claim_is_told(store: Store, ref: ArtifactRef) -> None:
    store.put(claim_key(ref, 1), b"{}")
    with pytest.raises(StoreError, match="no Attempt"):
        attempts(store, ref)
