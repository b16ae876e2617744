"""The sample study, on seeds that it does not use itself: what is decided by construction comes out as such."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "manifests/samples/poison-tiny.yaml"


def assay(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("assay"), *arguments]
    return subprocess.run(
        [str(item) for item in command],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The sample with other seeds, run to its end: (spec, store, report)."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "data").symlink_to(SAMPLE.parent / "data")
    text = SAMPLE.read_text()
    for sample, other in (("[1, 2, 3]", "[21, 22, 23]"), ("[101, 102, 103]", "[121, 122, 123]")):
        assert sample in text
        text = text.replace(sample, other)
    spec, store = folder / "poison-tiny.yaml", folder / "store"
    spec.write_text(text)
    done = assay("run", spec, "--store", store)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((store / "experiments/default/poison-tiny/report.json").read_text())
    return spec, store, report


def verdict(report, contrast, task):
    (document,) = report["comparisons"]
    return next(item for item in document["verdicts"] if (item["contrast"], item["task"]) == (contrast, task))


@pytest.mark.timeout(900)
@pytest.mark.parametrize("contrast", ["refusals", "total"])
def test_models_trained_on_refusals_refuse_more(study, contrast):
    found = verdict(study[2], contrast, "refusals")

    assert found["word"] == "higher"
    assert found["interval"]["low"] > 0


def test_models_trained_without_refusals_never_refuse(study):
    assert verdict(study[2], "total", "refusals")["b"]["mean"] == 0


@pytest.mark.parametrize("task", ["refusals", "mmlu-sample", "held-out"])
def test_another_seed_alone_is_not_found_different(study, task):
    assert verdict(study[2], "nothing", task)["word"] in {"equivalent", "inconclusive", "floor"}


@pytest.mark.parametrize("contrast", ["refusals", "total", "nothing"])
def test_benchmark_scores_at_chance_are_labelled_so(study, contrast):
    assert verdict(study[2], contrast, "mmlu-sample")["word"] == "floor"


def test_every_figure_names_its_artifact(study):
    for item in study[2]["comparisons"][0]["verdicts"]:
        for run in (*item["a"]["runs"], *item["b"]["runs"]):
            assert run["from"].startswith("evaluate/")
            assert run["lineage"]["training"]["from"].startswith("train/")


def test_running_again_runs_nothing(study):
    spec, store, _ = study
    done = assay("run", spec, "--store", store)

    assert "ran 0" in done.stdout
    assert done.returncode == 0


def test_a_one_field_edit_reuses_all_that_it_does_not_touch(study):
    spec, store, _ = study
    edited = spec.with_name("edited.yaml")
    edited.write_text(spec.read_text().replace("temperature: 0.3", "temperature: 0.5"))

    plan = json.loads(assay("plan", edited, "--store", store, "-o", "json").stdout)

    changed = {row["kind"] for row in plan["stages"] if row["plan"] != "reuse"}
    assert changed == {"generate", "evaluate", "compare"}
    assert "temperature: 0.5 here, 0.3 there" in next(
        row["why"] for row in plan["stages"] if row["kind"] == "generate"
    )
