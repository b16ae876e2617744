"""Runs of lm-evaluation-harness made elsewhere become verdicts, and go back to its own shape."""

import functools
import json

import pytest
from lm_eval.utils import make_table

from e2e.cli import assay


@pytest.mark.timeout(900)  # two harnesses are loaded, here and in the program
def test_runs_made_elsewhere_are_compared_and_exported_with_the_harness_own_figures(
    log_samples, make_model, minio_server, tmp_path
):
    logged = {
        f"{arm}/0": log_samples(make_model(seed=seed), "inner", "writing")
        for seed, arm in enumerate(("base", "tuned"))
    }
    bucket = f"s3://{minio_server.bucket}/imports"
    for file in (path for path in logged["tuned/0"].rglob("*") if path.is_file()):
        name = f"imports/tuned/{file.relative_to(logged['tuned/0'])}"
        minio_server.client().fput_object(minio_server.bucket, name, str(file))
    spec, store = tmp_path / "study.yaml", f"{bucket}/store"
    asked = functools.partial(assay, **minio_server.environment)
    made = asked("import", spec, f"base/0={logged['base/0']}", f"tuned/0={bucket}/tuned")
    assert made.returncode == 0, made.stderr
    ran = asked("run", spec, "--store", store)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    compared = asked("compare", spec, "--store", store, "-o", "json", "--to", tmp_path / "results")
    assert compared.returncode == 0, compared.stderr

    (comparison,) = json.loads(compared.stdout)["comparisons"]
    assert comparison["missing"] == []
    verdict = next(item for item in comparison["verdicts"] if item["task"] == "inner")
    results = {}
    for label, folder in logged.items():
        (path,) = folder.rglob("results_*.json")
        results[label] = json.loads(path.read_text())
    for side, arm in (("a", "tuned"), ("b", "base")):
        scores = [run["score"] for run in verdict[side]["runs"]]
        assert scores == [results[f"{arm}/0"]["results"]["inner"]["acc,none"]]
    assert [(model["task"], model["n"]) for model in comparison["models"]] == [("inner", 10), ("writing", 10)]

    exported = {
        path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "results").rglob("*.json")
    }
    assert len(exported) == len(logged)
    for label, theirs in results.items():
        arm, _, seed = label.partition("/")
        ours = exported[f"{arm}__scores__seed={seed}__"]
        for task, metric in (("inner", "acc{},none"), ("writing", "exact_match{},strict")):
            for figure in (metric.format(""), metric.format("_stderr")):
                assert ours["results"][task][figure] == pytest.approx(theirs["results"][task][figure])
        assert [line.split("|")[1].strip() for line in make_table(ours).splitlines()[2:]] == [
            "inner",
            "writing",
        ]
