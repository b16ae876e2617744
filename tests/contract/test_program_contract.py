"""A program's attempt, from claim to record, on every real store."""

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from assay.artifacts.documents import Attempt, StageDocument
from assay.artifacts.kinds import SEMANTICS, Kind
from assay.artifacts.layout import resume_key, stage_key
from assay.errors import Retry, StageError
from assay.stores.claims import attempts, claim, declare_stage, listing, read_progress
from assay.stores.open import open_store
from assay.stores.records import load_record, verify
from assay.stores.store import Store
from assay_pipelines.stage import EXIT_DONE, EXIT_FAILED, EXIT_TRY_AGAIN, StageRun, run_program

STAGE = StageDocument(kind=Kind.CLEAN, semantics=SEMANTICS[Kind.CLEAN], spec={}, reads=())


@pytest.fixture(autouse=True)
def _termination() -> Iterator[None]:
    """Programs take over SIGTERM."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def claimed(real_uri: str) -> Store:
    store = open_store(real_uri)
    declare_stage(store, STAGE)
    assert claim(store, STAGE.ref, Attempt(number=1, owner="a/test", claimed_at=datetime.now(UTC)))
    return store


@pytest.fixture
def hurried(real_uri: str) -> Store:
    """A store with a claim whose deadline is past as soon as its program begins."""
    store = open_store(real_uri)
    declare_stage(store, STAGE)
    attempt = Attempt(
        number=1, owner="a/test", claimed_at=datetime.now(UTC), execution={"deadlineHours": 1e-9}
    )
    assert claim(store, STAGE.ref, attempt)
    return store


def arguments(store: Store) -> list[str]:
    return ["--stage", f"{store.uri}/{stage_key(STAGE.ref)}", "--attempt", "1"]


def test_a_program_that_ends_well_leaves_a_record_that_holds(claimed: Store) -> None:
    def body(run: StageRun) -> dict[str, Any]:
        run.progress("writing", done=1, total=1)
        (run.output / "part").mkdir()
        (run.output / "part" / "rows.txt").write_bytes(b"one\n")
        return {"rows": 1}

    assert run_program(Kind.CLEAN, body, arguments(claimed)) == EXIT_DONE
    state = verify(claimed, STAGE.ref, listing(claimed, STAGE.ref), {})
    assert state.damage is None
    assert state.record is not None
    assert state.record.outputs.summary == {"rows": 1}
    assert list(state.record.outputs.files) == ["part/rows.txt"]
    progress = read_progress(claimed, STAGE.ref, 1)
    assert progress is not None
    assert progress.doing == "writing"


def test_a_program_that_fails_leaves_its_failure_and_no_record(claimed: Store) -> None:
    def body(_run: StageRun) -> dict[str, Any]:
        raise StageError("SourceChanged", "a", "b", "c")

    assert run_program(Kind.CLEAN, body, arguments(claimed)) == EXIT_FAILED
    assert load_record(claimed, STAGE.ref) is None
    failure = attempts(claimed, STAGE.ref)[0].failure
    assert failure is not None
    assert failure.reason == "SourceChanged"


def test_what_attempts_left_goes_with_the_record_and_not_before(claimed: Store) -> None:
    left = resume_key(STAGE.ref, "some/place")

    def stopped(run: StageRun) -> dict[str, Any]:
        run.store.put(left, b"finished")
        raise StageError("Stopped", "a", "b", "c")

    run_program(Kind.CLEAN, stopped, arguments(claimed))
    assert claimed.get(left) == b"finished"
    assert run_program(Kind.CLEAN, lambda _run: {}, arguments(claimed)) == EXIT_DONE
    assert claimed.get(left) is None


def test_a_program_that_is_run_again_as_the_same_attempt_tells_its_own_end(claimed: Store) -> None:
    def stopped(_run: StageRun) -> dict[str, Any]:
        raise KeyboardInterrupt

    def refused(_run: StageRun) -> dict[str, Any]:
        raise StageError("SourceChanged", "a", "b", "c")

    assert run_program(Kind.CLEAN, stopped, arguments(claimed)) == EXIT_TRY_AGAIN
    assert run_program(Kind.CLEAN, refused, arguments(claimed)) == EXIT_FAILED
    failure = attempts(claimed, STAGE.ref)[0].failure
    assert failure is not None
    assert failure.reason == "SourceChanged"


def test_a_program_past_its_deadline_is_ended_and_no_attempt_follows(hurried: Store) -> None:
    def endless(_run: StageRun) -> dict[str, Any]:
        threading.Event().wait()
        raise AssertionError

    assert run_program(Kind.CLEAN, endless, arguments(hurried)) == EXIT_FAILED
    failure = attempts(hurried, STAGE.ref)[0].failure
    assert failure is not None
    assert (failure.reason, failure.retry) == ("DeadlineExceeded", Retry.NEVER)
