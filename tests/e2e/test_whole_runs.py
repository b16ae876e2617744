"""The real programs under the real command: killed, interrupted, and given a source that changes."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from assay.artifacts.kinds import Kind
from assay.reconcile.decide import FINAL, State
from assay.settings.local import backend_for, compile_file, open_local
from assay.stores.claims import attempts
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from e2e.cli import assay, started

HERE = Path(__file__).parent
CHATS = HERE.parents[1] / "manifests/samples/data/chats.jsonl"


@pytest.fixture
def spec(tmp_path):
    shutil.copy(HERE / "small.yaml", tmp_path)
    (tmp_path / "chats.jsonl").write_text("".join(CHATS.open().readlines()[:120]))
    return tmp_path / "small.yaml"


def records(spec: Path, store: Path):
    _, plan = compile_file(spec)
    return {stage.label: load_record(FolderStore(store), stage.ref) for stage in plan.stages}


def outputs(spec: Path, store: Path):
    return {label: record and record.outputs_digest for label, record in records(spec, store).items()}


def tries(spec: Path, store: Path):
    _, plan = compile_file(spec)
    return {stage.label: len(attempts(FolderStore(store), stage.ref)) for stage in plan.stages}


def wait_for(process, line: str) -> None:
    for told in process.stdout:
        if told.startswith(line):
            return
    raise AssertionError(f"the run ended without saying {line!r}")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copy(HERE / "small.yaml", folder)
    (folder / "chats.jsonl").write_text("".join(CHATS.open().readlines()[:120]))
    done = assay("run", folder / "small.yaml", "--store", folder / "store")
    assert done.returncode == 0, done.stdout + done.stderr
    return outputs(folder / "small.yaml", folder / "store")


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "moment", ["running  plain+slower/base", "running  plain/sft", "running  plain/answers"]
)
def test_a_run_killed_while_a_program_works_ends_as_if_undisturbed(spec, tmp_path, undisturbed, moment):
    store = tmp_path / "store"
    process = started("run", spec, "--store", store, "--parallel", "1")
    wait_for(process, moment)
    process.kill()
    process.wait()
    finished = {label for label, record in records(spec, store).items() if record}
    before = tries(spec, store)

    done = assay("run", spec, "--store", store)

    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs(spec, store) == undisturbed
    after = tries(spec, store)
    assert {label: after[label] for label in finished} == {label: before[label] for label in finished}


@pytest.mark.timeout(600)
def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(spec, tmp_path):
    store = tmp_path / "store"
    process = started("run", spec, "--store", store)
    wait_for(process, "running  plain+slower/base")

    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[0]

    assert process.returncode == 130
    assert "run the same command to go on" in rest
    assert "Traceback" not in rest
    assert records(spec, store)["plain+slower/chats"] is not None


@pytest.mark.timeout(600)
def test_a_source_that_changes_after_the_plan_fails_its_stage_and_a_new_run_takes_it_as_it_is(spec, tmp_path):
    store = tmp_path / "store"
    local = open_local(spec, str(store), writing=True)
    with (tmp_path / "chats.jsonl").open("a") as file:
        file.write(json.dumps({"id": "x", "conversations": []}) + "\n")
    backend = backend_for(local.experiment, 1)
    try:
        decision = local.control(backend).run(lambda *_: None, backend.wait)
    finally:
        backend.close()

    chats = next(stage for stage in local.plan.stages if stage.kind is Kind.CLEAN)
    assert decision.judgements[chats.ref].reason == "SourceChanged"
    assert all(
        judgement.state in FINAL - {State.DONE}
        for ref, judgement in decision.judgements.items()
        if ref in local.plan.by_ref
    )
    assert assay("run", spec, "--store", store).returncode == 0
