"""An experiment whose store and inputs lie anywhere, as a folder that needs neither."""

import shutil
from pathlib import Path

from assay.adapters import sources
from assay.cli.export import main
from assay.reconcile.decide import State
from assay.settings.local import backend_for, compile_file, open_local
from assay.stores.open import open_store
from bench import Bench
from builders import SUMMARIES

SMALL = Path(__file__).parents[1] / "e2e" / "small.yaml"


def test_what_was_exported_is_reused_without_the_store_and_the_inputs_that_it_was_made_of(
    real_uri, tmp_path, monkeypatch
):
    home = tmp_path / "home"
    home.mkdir()
    (home / "made.txt").write_text("made")
    inputs = open_store(f"{real_uri}/inputs")
    inputs.put("raw/chats.jsonl", b'{"conversations": [{"from": "human", "value": "Hello there"}]}\n')
    spec = home / "small.yaml"
    spec.write_text(SMALL.read_text().replace("uri: chats.jsonl", f'uri: "{inputs.uri}/raw/*.jsonl"'))
    store = open_store(f"{real_uri}/store")
    bench = Bench(store=store, folder=home)
    for stage in compile_file(spec)[1].stages:
        bench.finish(stage.document, home, **SUMMARIES[stage.kind])

    main(spec, store.uri, to=tmp_path / "out", models=True)
    shutil.rmtree(home)
    shutil.rmtree(tmp_path / "store", ignore_errors=True)  # where the folder was
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # nobody answers

    local = open_local(tmp_path / "out/small.yaml", str(tmp_path / "out/store"))
    _, decision = local.control(backend_for(local.experiment, 1)).look()
    assert {judgement.state for judgement in decision.judgements.values()} == {State.DONE}
    assert real_uri not in (tmp_path / "out/small.yaml").read_text()


def test_large_objects_are_brought_whole_and_it_is_told_that_what_reads_them_runs_again(
    server, aws, tmp_path, monkeypatch, capsys
):
    aws(server)
    monkeypatch.setattr(sources, "LARGE_BYTES", 4)
    inputs = open_store(f"s3://{server.bucket}/large/{tmp_path.name}")
    for name in ("a", "b"):
        inputs.put(f"{name}.jsonl", b'{"conversations": [{"from": "human", "value": "Hello there"}]}\n')
    spec = tmp_path / "small.yaml"
    spec.write_text(SMALL.read_text().replace("uri: chats.jsonl", f'uri: "{inputs.uri}/*.jsonl"'))

    main(spec, str(tmp_path / "store"), to=tmp_path / "out", models=True)

    assert f"so that what reads it runs again: {inputs.uri}/*.jsonl" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out/inputs").rglob("*.jsonl")) == ["a.jsonl", "b.jsonl"]
