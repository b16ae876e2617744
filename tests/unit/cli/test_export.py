"""A folder that `assay export` made reproduces its experiment, wherever it is brought, whatever becomes of the original."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assay.artifacts.documents import Attempt
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key
from assay.cli.export import main
from assay.errors import SpecError, StoreError
from assay.reconcile.decide import State
from assay.settings.local import backend_for, compile_file, open_local
from assay.stores.claims import claim, read_claim
from assay.stores.folder import FolderStore
from builders import SUMMARIES


@pytest.fixture
def ran(spec, bench):
    """As if the experiment had run here, and each stage had written a file."""

    def ran():
        made = spec.parent / "made"
        made.mkdir()
        (made / "out.bin").write_bytes(b"made")
        plan = compile_file(spec)[1]
        for stage in plan.stages:
            attempt = Attempt(
                number=1,
                owner="local/host/1/1",
                claimed_at=datetime(2026, 1, 1, tzinfo=UTC),
                locations=plan.locations_of(stage.document),
            )
            claim(bench.store, stage.ref, attempt)
            bench.finish(stage.document, made, **SUMMARIES[stage.kind])
        return plan

    return ran


@pytest.fixture
def moved(spec, store, tmp_path):
    """Export, bring the folder elsewhere, and lose everything else."""

    def moved(*, models=True):
        main(spec, store.uri, to=tmp_path / "out", models=models)
        away = tmp_path.parent / f"{tmp_path.name}-away"
        shutil.move(tmp_path / "out", away)
        shutil.rmtree(tmp_path)
        return away

    return moved


def states(folder: Path) -> dict[str, State]:
    local = open_local(folder / "small.yaml", str(folder / "store"))
    _, decision = local.control(backend_for(local.experiment, 1)).look()
    return {local.plan.by_ref[ref].label: judgement.state for ref, judgement in decision.judgements.items()}


def test_everything_is_reused_in_another_place(ran, moved, spec):
    ran()
    text = spec.read_bytes()

    folder = moved()

    assert set(states(folder).values()) == {State.DONE}
    assert (folder / "small.yaml").read_bytes() == text
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "chats.jsonl",
        "environments.json",
        "report.html",
        "report.json",
        "requirements.txt",
        "small.yaml",
        "store",
    ]


def test_no_path_of_the_old_place_is_in_what_was_exported(ran, moved, spec):
    ran()
    old = str(spec.parent).encode()

    folder = moved()

    holding = [path for path in folder.rglob("*") if path.is_file() and old in path.read_bytes()]
    assert holding == []


@pytest.mark.parametrize(
    "written", ["../far/{}/chats.jsonl", "ABSOLUTE/chats.jsonl", "file://ABSOLUTE/ch*.jsonl"]
)
def test_inputs_from_elsewhere_are_brought_and_named_anew(ran, moved, spec, written, tmp_path_factory):
    far = tmp_path_factory.mktemp("far")
    shutil.copy(spec.parent / "chats.jsonl", far)
    relative = f"../../{far.relative_to(spec.parent.parent.parent)}/chats.jsonl"
    uri = relative if written.startswith("..") else written.replace("ABSOLUTE", str(far))
    spec.write_text(spec.read_text().replace("uri: chats.jsonl", f"uri: {uri}  ") + "# mine\n")
    ran()

    folder = moved()
    shutil.rmtree(far)

    assert set(states(folder).values()) == {State.DONE}
    text = (folder / "small.yaml").read_text()
    assert 'uri: "inputs/' in text
    assert text.endswith("# mine\n")


def test_files_by_a_star_and_in_folders_keep_their_places(ran, moved, spec):
    (spec.parent / "raw/deep").mkdir(parents=True)
    for name in ("a", "b"):
        shutil.copy(spec.parent / "chats.jsonl", spec.parent / f"raw/deep/{name}.jsonl")
    spec.write_text(spec.read_text().replace("uri: chats.jsonl", 'uri: "raw/*/*.jsonl"'))
    ran()

    folder = moved()

    assert set(states(folder).values()) == {State.DONE}
    assert (folder / "raw/deep/b.jsonl").is_file()


def test_an_input_where_the_folder_has_something_of_its_own_is_named_anew(ran, moved, spec):
    (spec.parent / "store").mkdir(exist_ok=True)
    shutil.copy(spec.parent / "chats.jsonl", spec.parent / "store/chats.jsonl")
    spec.write_text(spec.read_text().replace("uri: chats.jsonl", "uri: store/chats.jsonl"))
    ran()

    assert set(states(moved()).values()) == {State.DONE}


def test_a_star_at_the_top_does_not_find_what_the_folder_has_of_its_own(ran, moved, spec):
    shutil.copy(spec.parent / "chats.jsonl", spec.parent / "only.json")
    spec.write_text(spec.read_text().replace("uri: chats.jsonl", 'uri: "*.json"'))
    ran()

    folder = moved()

    assert (folder / "report.json").is_file()
    assert set(states(folder).values()) == {State.DONE}


def of_two(spec, one, two):
    """Let the experiment read two sources."""
    sources = ", ".join(
        f'{{name: {name}, uri: "{uri}", format: sharegpt}}' for name, uri in (("one", one), ("two", two))
    )
    spec.write_text(spec.read_text().replace("{name: chats, uri: chats.jsonl, format: sharegpt}", sources))


def a_chat(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"conversations": [{{"from": "human", "value": "{text}"}}]}}\n')


def test_a_star_in_a_folder_called_inputs_does_not_find_what_is_brought_from_elsewhere(
    ran, moved, spec, tmp_path_factory
):
    far = tmp_path_factory.mktemp("far")
    a_chat(spec.parent / "inputs/mine/a.jsonl", "Mine")
    a_chat(far / "b.jsonl", "From elsewhere")
    of_two(spec, "inputs/*/*.jsonl", far / "b.jsonl")
    ran()

    assert set(states(moved()).values()) == {State.DONE}


def test_an_export_that_would_be_another_experiment_is_none(ran, spec, store, tmp_path, tmp_path_factory):
    far = tmp_path_factory.mktemp("far")
    for name in ("a", "b"):
        a_chat(far / name / f"{name}.jsonl", "The same")
    of_two(spec, far / "a" / "*.jsonl", far / "b" / "*.jsonl")
    ran()

    with pytest.raises(
        SpecError, match=r"stages that would be others there, such as .*expected the same ones"
    ):
        main(spec, store.uri, to=tmp_path / "out", models=True)


def test_claims_say_where_inputs_lie_in_the_folder(ran, moved):
    plan = ran()

    store = FolderStore(moved() / "store")
    [clean] = [stage.ref for stage in plan.stages if stage.kind is Kind.CLEAN]
    [location] = read_claim(store, clean, 1).locations.values()
    assert (location.uri, location.files[0].uri) == ("chats.jsonl", "chats.jsonl")


def test_without_models_trainings_run_again_and_the_report_is_as_before(ran, moved, spec, store):
    ran()
    main(spec, store.uri, to=spec.parent / "whole", models=True)
    whole = (spec.parent / "whole/report.json").read_bytes()

    folder = moved(models=False)

    assert "Models are left out" in (folder / "README.md").read_text()
    assert states(folder)["plain+slower/base"] is not State.DONE
    assert (folder / "report.json").read_bytes() == whole
    assert not list((folder / "store/stages/train").rglob("data/*"))


def test_what_is_not_done_is_noted(spec, store, bench, cleaned, tmp_path):
    bench.finish(cleaned.document, **SUMMARIES[cleaned.kind])

    main(spec, store.uri, to=tmp_path / "out", models=True)

    assert "8 stages were not done when this was made" in (tmp_path / "out/README.md").read_text()


def test_a_file_that_is_not_what_its_record_says_is_not_exported(ran, spec, store, tmp_path):
    plan = ran()
    store.put(data_key(plan.stages[0].ref, 1, "out.bin"), b"maid")

    with pytest.raises(StoreError, match=r"out\.bin: found bytes of sha256"):
        main(spec, store.uri, to=tmp_path / "out", models=True)


def test_an_export_that_failed_leaves_nothing_in_the_way_of_the_next(ran, spec, store, tmp_path):
    plan = ran()
    key = data_key(plan.stages[0].ref, 1, "out.bin")
    store.put(key, b"maid")
    with pytest.raises(StoreError):
        main(spec, store.uri, to=tmp_path / "out", models=True)
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "out/.partial").mkdir()  # as one that was killed leaves it
    (tmp_path / "out/.partial/half.yaml").write_text("half")
    store.put(key, b"made")

    main(spec, store.uri, to=tmp_path / "out", models=True)

    assert not list((tmp_path / "out").rglob("half.yaml"))
    assert set(states(tmp_path / "out").values()) == {State.DONE}


def test_a_folder_with_something_in_it_is_left_alone(spec, store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("mine")

    with pytest.raises(SpecError, match="expected a new or an empty folder"):
        main(spec, store.uri, to=tmp_path / "out", models=True)


def test_versions_are_told_as_pip_reads_them_and_by_stage(ran, moved):
    ran()

    folder = moved()

    lines = (folder / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("pydantic==") for line in lines)
    [found] = json.loads((folder / "environments.json").read_text())
    assert "plain/sft" in found["stages"]
