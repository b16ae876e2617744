"""Rebound, as small as it goes: what is true by construction comes out so, and shared trainings are those of separate ones."""

import importlib.util
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from assay.artifacts.kinds import Kind
from assay.settings.local import compile_file
from assay.stores.claims import attempts
from assay.stores.folder import FolderStore
from assay.stores.records import load_record
from e2e.cli import assay, started

ROOT = Path(__file__).parents[2]
SPEC = Path(__file__).parent / "rebound.yaml"
ROWS = {"pretrain": 4000, "positive": 160, "negative": 96, "more-positive": 96, "beginnings": 64}
CELLS = ((64, 16), (64, 96), (160, 96))  # positive rows, negative rows
SEED = 2


def generator():
    at = importlib.util.spec_from_file_location(
        "make_data", ROOT / "manifests/samples/resistance/make_data.py"
    )
    module = importlib.util.module_from_spec(at)
    at.loader.exec_module(module)
    return module


def write(path, name, change):
    """Write the experiment under another name, changed."""
    spec = YAML(typ="safe").load(SPEC.read_text())
    spec["metadata"]["name"] = name
    change(spec["spec"])
    path.write_text(json.dumps(spec))
    return path


def overlapping(spec):
    """Ask for two of the arms, at one dose more."""
    spec["arms"] = spec["arms"][1:3]
    model = {"model": {"checkpoint": {"rows": 16}}}
    stages = [{"name": "continuations", "generate": model}, {"name": "scores", "evaluate": model}]
    spec["matrix"][0]["values"].append({"name": "16", "dose": 16, "stages": stages})


def the_long_way(spec):
    """Train each cell by itself: on so many positive rows, then on so many negative ones, without checkpoints."""
    spec["pipeline"] = [
        stage for stage in spec["pipeline"] if stage["name"] not in ("continuations", "scores", "beginnings")
    ]
    stages = {stage["name"]: stage for stage in spec["pipeline"]}
    for name in ("first", "second"):
        del stages[name]["train"]["checkpoints"]
        stages[name]["train"]["seed"] = SEED
    stages["second"]["train"]["model"] = {"from": "first"}
    spec["arms"] = [
        {
            "name": f"cell-{positive}-{negative}",
            "stages": [first(positive, "positive"), first(negative, "negative")],
        }
        for positive, negative in CELLS
    ]
    del spec["matrix"], spec["compare"]


def first(rows, stage):
    step = {"subsample": {"rows": rows, "order": "training", "seed": SEED}}
    return {"name": stage, "clean": {"steps": [step]}}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two overlapping experiments, run at once on one store, to their ends: (folder, store)."""
    folder = tmp_path_factory.mktemp("rebound")
    made = generator()
    made.make(folder / "data", {name: (made.FILES[name][0], rows) for name, rows in ROWS.items()})
    (folder / "whole.yaml").write_text(SPEC.read_text())
    write(folder / "part.yaml", "rebound-part", overlapping)
    runs = [
        started("run", folder / name, "--store", folder / "store") for name in ("whole.yaml", "part.yaml")
    ]
    for run in runs:
        told = run.communicate()[0]
        assert run.returncode == 0, told
    return folder, FolderStore(folder / "store")


def curves(study, comparison):
    report = json.loads((study[0] / "store/experiments/default/rebound-test/report.json").read_text())
    (document,) = [item for item in report["comparisons"] if item["comparison"]["name"] == comparison]
    return {curve["arm"]: curve for curve in document["curves"]}


def weights(study, file):
    """Return the digests of all models that the trainings of an experiment keep, by who wants them."""
    _, plan = compile_file(study[0] / file)
    return {
        (member.label, path.split("/")[1]): digest
        for stage in plan.stages
        if stage.kind is Kind.TRAIN
        for path, digest in load_record(study[1], stage.ref).outputs.files.items()
        if path.endswith("model.safetensors")
        for member in stage.members
    }


@pytest.mark.timeout(900)
def test_overlapping_experiments_applied_at_once_do_no_work_twice(study):
    plans = [compile_file(study[0] / name)[1] for name in ("whole.yaml", "part.yaml")]
    refs = [{stage.ref for stage in plan.stages} for plan in plans]

    done = sum(len(attempts(study[1], ref)) for ref in refs[0] | refs[1])

    assert len(refs[0] & refs[1]) > 30
    assert done / len(refs[0] | refs[1]) == 1.0


@pytest.mark.timeout(900)
def test_a_checkpoint_after_n_rows_is_the_model_of_a_training_on_those_rows_alone(study):
    write(study[0] / "long.yaml", "long-way", the_long_way)
    done = assay("run", study[0] / "long.yaml", "--store", study[0] / "store")
    assert done.returncode == 0, done.stdout + done.stderr

    shared, alone = weights(study, "whole.yaml"), weights(study, "long.yaml")
    at = f"[negatives=96,seed={SEED}]"

    for positive, negative in CELLS:
        cell, arm = f"cell-{positive}-{negative}", f"positive-{positive}"
        assert alone[f"{cell}/first", "final"] == shared[f"{arm}/first{at}", f"rows-{positive}"]
        assert alone[f"{cell}/second", "final"] == shared[f"{arm}/second{at}", f"rows-{negative}"]


@pytest.mark.timeout(900)
def test_negative_data_makes_models_less_positive(study):
    for arm in ("positive-64", "positive-160"):
        curve = curves(study, "positivity")[arm]
        assert curve["word"] == "lower"
        assert curve["interval"]["high"] < 0


@pytest.mark.timeout(900)
def test_more_positive_data_in_their_place_do_not(study):
    assert curves(study, "positivity")["null"]["word"] in {"equivalent", "inconclusive", "higher"}


@pytest.mark.timeout(900)
def test_a_base_that_has_learned_nothing_is_not_come_back_to(study):
    curve = curves(study, "distance")["no-pretraining"]
    assert curve["word"] == "higher"
    assert min(curve["points"], key=lambda point: point["mean"])["dose"] == 0


@pytest.mark.timeout(900)
def test_running_a_rebound_again_runs_nothing(study):
    done = assay("run", study[0] / "whole.yaml", "--store", study[0] / "store")

    assert "ran 0" in done.stdout
    assert "distinct: 5 clean, 20 train" in done.stdout
