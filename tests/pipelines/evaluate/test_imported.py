"""What `lm_eval --log_samples` really writes, read as outcomes."""

import json
import shutil

import pyarrow.parquet as pq
import pytest

from assay.artifacts.documents import Location, SourceFile
from assay.artifacts.kinds import Kind
from assay.stores.files import sha256_of
from assay_pipelines.compare.__main__ import main as compare
from assay_pipelines.evaluate.__main__ import main
from lm_eval_runs import ITEMS

TASKS = ("planets", "writing", "texts")


@pytest.fixture(scope="module")
def model(make_model):
    return make_model()


@pytest.fixture(scope="module")
def logged(log_samples, model):
    return log_samples(model, *TASKS)


@pytest.fixture(scope="module")
def hinted(log_samples, model):
    """The run of a task whose prompts begin with a hint; else it asks as `inner` does."""
    return log_samples(model, "hinted")


@pytest.fixture
def copied(logged, tmp_path):
    """What was logged, to be changed."""
    shutil.copytree(logged, tmp_path / "copied")
    return tmp_path / "copied"


@pytest.fixture
def imported(bench):
    """Carry out an imported stage."""

    def run(folder):
        files = tuple(
            SourceFile(
                uri=path.as_uri(),
                path=path.relative_to(folder).as_posix(),
                size=path.stat().st_size,
                identity=f"sha256:{sha256_of(path)}",
            )
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        )
        identity = f"sha256:{folder.name}"
        bench.locations[identity] = Location(uri=folder.as_uri(), files=files)
        return bench.run(main, Kind.EVALUATE, {"samples": identity})

    return run


def rows_of(done):
    return pq.read_table(done.path("outcomes.parquet")).to_pylist()


def results_in(folder):
    (path,) = folder.rglob("results_*.json")
    return path, json.loads(path.read_text())


def samples_in(folder, task):
    (path,) = folder.rglob(f"samples_{task}_*.jsonl")
    return path, path.read_text().splitlines()


def test_what_was_measured_elsewhere_gives_the_outcomes_of_the_same_tasks_asked_here(
    bench, imported, logged, model, small_tasks
):
    shutil.copytree(model, bench.folder / "checkpoints" / "final")
    trained = bench.done(Kind.TRAIN, {"seed": 1}, bench.folder, checkpoints=[{"label": "final"}])
    tasks = [
        {"name": name, "harness": {"config": bench.outside(small_tasks / f"{name}.yaml")}}
        for name in ("writing", "texts")
    ]
    words = {"model": {"from": trained}, "checkpoints": "one", "tasks": tasks, "precision": "fp32", "seed": 0}
    here = bench.run(main, Kind.EVALUATE, words, threads=1, batch=4)
    elsewhere = imported(logged)

    found = [row for row in rows_of(elsewhere) if row["task"] != "planets"]
    expected = rows_of(here)
    assert len(found) == len(expected) == 2 * len(ITEMS)
    for one, other in zip(found, expected, strict=True):
        for name in one.keys() - {"outcome", "tokens"}:
            assert one[name] == other[name]
        assert one["outcome"] == pytest.approx(other["outcome"], abs=1e-3)
    for name in ("writing", "texts"):
        ours, theirs = here.summary["tasks"][name]["final"], elsewhere.summary["tasks"][name]["final"]
        for figure in ("n", "chance", "higherIsBetter", "unit"):
            assert ours[figure] == theirs[figure]


def test_a_group_with_a_score_is_one_task_with_parts(imported, logged):
    done = imported(logged)

    figures = done.summary["tasks"]["planets"]["final"]
    _, results = results_in(logged)
    assert figures["score"] == pytest.approx(results["results"]["planets"]["acc,none"])
    assert (figures["n"], figures["unit"]) == (2 * len(ITEMS), "accuracy")
    assert figures["chance"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert {row["doc_id"] for row in rows_of(done) if row["task"] == "planets"} == {
        f"{part}/{item['id']}" for part in ("inner", "outer") for item in ITEMS
    }


def test_scores_are_those_of_the_results_by_the_first_metric_that_is_a_mean_over_items(imported, logged):
    done = imported(logged)

    _, results = results_in(logged)
    told = {name: figures["final"] for name, figures in done.summary["tasks"].items()}
    assert told["writing"]["score"] == results["results"]["writing"]["exact_match,strict"]
    assert (told["writing"]["metric"], told["writing"]["filter"]) == ("exact_match", "strict")
    assert told["texts"]["score"] == pytest.approx(results["results"]["texts"]["bits_per_byte,none"])
    assert told["texts"]["higherIsBetter"] is False
    assert (told["planets"]["version"], told["planets"]["fewShot"]) == ("3.0", 0)


def test_the_record_says_what_the_results_tell_of_who_measured(imported, logged, model):
    done = imported(logged)

    _, results = results_in(logged)
    environment = done.record.provenance.environment
    assert environment["libraries"]["lm-eval"] == results["lm_eval_version"]
    assert environment["precision"] == "float32"
    assert json.loads(environment["generation of writing"])["max_gen_toks"] == 4
    assert done.summary["imported"] == {"model": str(model)}


@pytest.fixture(scope="module")
def runs(log_samples, make_model):
    """Three runs of each of two arms."""
    return {
        arm: [log_samples(make_model(seed=10 * at + seed), "inner") for seed in range(3)]
        for at, arm in enumerate("ab")
    }


@pytest.fixture
def compared(bench, imported):
    """Import the runs of arms, and return what is said of each arm against `a`."""

    def compared(arms):
        comparison = {
            "name": "main",
            "stage": "scores",
            "contrasts": [{"name": arm, "a": arm, "b": "a"} for arm in arms if arm != "a"],
            "family": "holm",
            "alpha": 0.05,
            "margin": 0.01,
            "margins": [],
        }
        told = [
            {
                "arm": arm,
                "runs": [
                    {
                        "coordinates": {},
                        "replicate": {"seed": str(seed)},
                        "stages": {"scores": imported(folder).ref},
                    }
                    for seed, folder in enumerate(folders)
                ],
            }
            for arm, folders in arms.items()
        ]
        done = bench.run(compare, Kind.COMPARE, {"comparison": comparison, "arms": told, "missing": []})
        return json.loads(done.path("verdicts.json").read_text())

    return compared


def test_three_runs_of_each_arm_make_a_verdict_about_data(compared, runs):
    document = compared(runs)

    (verdict,) = document["verdicts"]
    for side in ("a", "b"):
        scores = [
            results_in(folder)[1]["results"]["inner"]["acc,none"] for folder in runs[verdict[side]["arm"]]
        ]
        assert [run["score"] for run in verdict[side]["runs"]] == scores
    assert verdict["n"] == len(ITEMS)
    assert verdict["df"] > 0
    assert 0 <= verdict["p"] <= 1
    assert len(document["models"]) == 3


def test_items_are_paired_only_if_they_were_asked_the_same(bench, compared, runs, hinted):
    renamed = bench.folder / "renamed"
    renamed.mkdir()
    for path in hinted.rglob("*_*.json*"):
        text = path.read_text().replace('"hinted"', '"inner"')
        (renamed / path.name.replace("hinted", "inner")).write_text(text)
    document = compared({"a": runs["a"][:1], "b": runs["b"][:1], "hint": [renamed]})

    assert [(model["contrast"], model["n"]) for model in document["models"]] == [("b", len(ITEMS))]
    (missing,) = document["missing"]
    assert missing["contrast"] == "hint"
    assert "the prompt of id 'q0' of task inner differs" in missing["reason"]


def test_a_malformed_line_is_named_by_file_and_number(imported, copied):
    path, lines = samples_in(copied, "inner")
    path.write_text("\n".join([lines[0], lines[1][:50], *lines[2:]]))

    reason, message = imported(copied).refused
    assert reason == "BenchmarkMalformed"
    assert f"{path.name} line 2" in message


def test_a_sample_without_its_prompts_hash_is_refused(imported, copied):
    path, lines = samples_in(copied, "inner")
    first = json.loads(lines[0])
    del first["prompt_hash"]
    path.write_text("\n".join([json.dumps(first), *lines[1:]]))

    assert "line 1: found no prompt_hash, expected a sample" in imported(copied).refused[1]


def test_samples_that_were_cut_are_refused(imported, copied):
    path, lines = samples_in(copied, "inner")
    path.write_text("\n".join(lines[:-1]))

    assert f"{path.name}: found {len(ITEMS) - 1} items, expected {len(ITEMS)}" in imported(copied).refused[1]


def test_samples_that_are_not_those_of_the_results_are_refused(imported, copied):
    path, lines = samples_in(copied, "inner")
    changed = [json.loads(line) for line in lines]
    path.write_text(
        "\n".join(json.dumps(one | {"acc": 1 - one["acc"], "acc_norm": 0.25}) for one in changed[:3])
        + "\n"
        + "\n".join(lines[3:])
    )

    _, message = imported(copied).refused
    assert "found no metric of task inner whose mean over the items is what" in message


def test_a_task_without_a_metric_over_items_is_refused(imported, copied):
    path, lines = samples_in(copied, "texts")
    path.write_text(
        "\n".join(json.dumps(json.loads(line) | {"metrics": ["word_perplexity"]}) for line in lines)
    )

    _, message = imported(copied).refused
    assert "found no metric of task texts" in message
    assert "among word_perplexity, expected one" in message
    assert "leave the task out" in message


def test_several_invocations_into_one_folder_are_one_run(imported, copied, hinted):
    (below,) = copied.iterdir()
    for path in hinted.rglob("*_*.json*"):
        shutil.copy(path, below)

    assert set(imported(copied).summary["tasks"]) == {"planets", "writing", "texts", "hinted"}
