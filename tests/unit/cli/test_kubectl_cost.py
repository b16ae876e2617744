"""What `kubectl assay` says of cost, with a kubectl that knows one experiment and its Profile."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from assay.artifacts.kinds import Kind
from assay.cli.kubectl import plan, report
from assay.control.freeze import frozen, plan_key
from assay.stores.folder import FolderStore
from bench import Bench
from builders import SUMMARIES, a_plan, an_experiment

KUBECTL = """\
#!/bin/sh
case "$2" in experiments.assay.dev) cat FOLDER/experiment.json;; *) cat FOLDER/profile.json;; esac
"""
SEEDS = {"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": [1, 2, 3]}
EFFECT = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}
GPUS = {"device": "NVIDIA H200", "processes": 4}


@pytest.fixture
def applied(tmp_path, monkeypatch):
    """An experiment of two arms of three seeds, whose trainings are done: two hours each on 4 GPUs."""
    store = FolderStore(tmp_path / "store")
    spec = {"matrix": [SEEDS], "compare": [EFFECT]}
    experiment = an_experiment(**spec)
    about = {"name": "test", "namespace": "default", "uid": "u", "generation": 1}
    known = frozen(store, experiment, lambda: a_plan(experiment), datetime.now(UTC)).plan
    bench = Bench(store=store, folder=tmp_path)
    for stage in known.stages:
        if stage.kind in (Kind.CLEAN, Kind.TRAIN):
            environment = GPUS if stage.kind is Kind.TRAIN else {}
            took = timedelta(hours=2)
            bench.claimed(stage.kind, stage.document.spec)
            bench.finish(stage.document, environment=environment, took=took, **SUMMARIES[stage.kind])
    told = {
        "plan": {"digest": known.digest, "uri": f"{store.uri}/{plan_key(experiment)}"},
        "gpuHours": {"spent": 48, "saved": 0},
        "cost": {"currency": "EUR", "gpuHour": 2.5, "spent": 120, "saved": 0},
    }
    (tmp_path / "experiment.json").write_text(json.dumps({"metadata": about, "spec": {}, "status": told}))
    pools = {"train": {"gpusPerNode": 4}}
    profile = {"store": {"uri": "s3://b/p"}, "pools": pools, "prices": {"currency": "EUR", "gpuHour": 2.5}}
    (tmp_path / "profile.json").write_text(json.dumps({"spec": profile}))
    program = tmp_path / "bin/kubectl"
    program.parent.mkdir()
    program.write_text(KUBECTL.replace("FOLDER", str(tmp_path)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return "test"


def test_a_plan_says_what_its_contrasts_could_show_and_what_is_paid_for(applied, capsys):
    plan.main((), applied, output="text")
    told = capsys.readouterr().out
    plan.main((), applied, output="json")
    data = json.loads(capsys.readouterr().out)

    assert "What contrasts could show" in told
    assert "What is done took 48 GPU-hours (120 EUR)" in told
    assert [row["contrast"] for row in data["contrasts"]] == ["refusals"]
    assert data["expected"]["done"]["price"] == 120


def test_a_report_names_the_price_that_the_operator_told(applied, tmp_path, capsys):
    report.main((), applied, html=tmp_path / "page.html", output="text")

    assert (
        "what is done took 48 GPU-hours (120 EUR); reuse saved 0 GPU-hours (0 EUR)" in capsys.readouterr().out
    )
    assert "At 2.5 EUR per GPU-hour" in (tmp_path / "page.html").read_text()
