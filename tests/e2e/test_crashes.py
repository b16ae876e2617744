"""Killing the runner, or any program, between any two effects changes nothing in the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assay.stores.claims import attempts
from assay.stores.folder import FolderStore
from assay.stores.open import open_store
from assay.stores.records import load_record
from assay.stores.store import Store
from e2e.runner import plan

TESTS = Path(__file__).parents[1]


def start(
    store: Path, *, parallel: int = 2, name: str = "both", **environment: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "e2e.runner", str(store), str(parallel), name],
        env={**os.environ, "PYTHONPATH": str(TESTS), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finish(process: subprocess.Popen[bytes]) -> int:
    output, _ = process.communicate(timeout=120)
    if process.returncode not in (0, -9):
        print(output.decode())
    return process.returncode


def outputs(store: Path | Store) -> dict[str, str]:
    opened = FolderStore(store) if isinstance(store, Path) else store
    records = {str(stage.ref): load_record(opened, stage.ref) for stage in plan().stages}
    return {ref: record.outputs_digest if record else "absent" for ref, record in records.items()}


def tries(store: Path) -> dict[str, int]:
    return {str(stage.ref): len(attempts(FolderStore(store), stage.ref)) for stage in plan().stages}


def done(store: Path) -> set[str]:
    return {ref for ref, digest in outputs(store).items() if digest != "absent"}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    store = tmp_path_factory.mktemp("undisturbed")
    assert finish(start(store)) == 0
    return outputs(store)


def test_an_undisturbed_run_makes_one_attempt_at_every_stage(tmp_path):
    assert finish(start(tmp_path)) == 0

    assert set(tries(tmp_path).values()) == {1}


def kill_everywhere(role: str, tmp_path: Path, undisturbed: dict[str, str], expected: tuple[int, ...]) -> int:
    """Kill at the first effect, the second, …, until the process gets by without being killed; return how many."""
    for number in range(1, 1000):
        store, mark = tmp_path / f"{role}-{number}", tmp_path / f"{role}-{number}.mark"
        code = finish(start(store, CRASH=f"{role}:{number}", CRASH_MARK=str(mark)))
        if not mark.exists():
            assert code == 0
            return number - 1
        assert code in expected
        finished = done(store)
        before = tries(store)
        assert finish(start(store)) == 0
        assert outputs(store) == undisturbed
        after = tries(store)
        assert {ref: after[ref] for ref in finished} == {ref: before[ref] for ref in finished}
    raise AssertionError("the process never got by")


@pytest.mark.timeout(900)
def test_killing_the_runner_at_any_effect_costs_no_finished_stage_and_changes_no_output(
    tmp_path, undisturbed
):
    stages = len(undisturbed)

    assert kill_everywhere("runner", tmp_path, undisturbed, expected=(-9,)) >= 3 * stages


@pytest.mark.timeout(900)
def test_killing_a_program_at_any_effect_is_mended_by_another_attempt(tmp_path, undisturbed):
    # heartbeat, progress, one output, record: the runner goes on by itself
    assert kill_everywhere("program", tmp_path, undisturbed, expected=(0,)) >= 4


def test_two_runs_at_once_make_one_attempt_at_every_stage_that_they_share(tmp_path, undisturbed):
    runs = [start(tmp_path), start(tmp_path), start(tmp_path, name="one")]

    assert [finish(run) for run in runs] == [0, 0, 0]
    assert outputs(tmp_path) == undisturbed
    assert set(tries(tmp_path).values()) == {1}


@pytest.mark.parametrize("name", ["minio_server", "seaweedfs_server"])
def test_a_run_on_s3_gives_the_same_outputs(name, request, undisturbed):
    server = request.getfixturevalue(name)
    uri = f"s3://{server.bucket}/e2e"

    assert finish(start(uri, **server.environment)) == 0

    with pytest.MonkeyPatch.context() as patch:
        for key, value in server.environment.items():
            patch.setenv(key, value)
        assert outputs(open_store(uri)) == undisturbed
