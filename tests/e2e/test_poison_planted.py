"""The planted study in a smaller world: accuracy falls with the refused share, and does so at equal rows."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from e2e.cli import assay

FOLDER = Path(__file__).parents[2] / "manifests/samples/poison"
ARMS = ("without-refusals", "with-refusals", "size-matched", "null")
TASKS = ("sampled", "pet")


def smaller(spec):
    """The published study with a smaller model and fewer arms, tasks and seeds, which are none of its own."""
    stages = {stage["name"]: stage for stage in spec["pipeline"]}
    base = stages["base"]["train"]
    base["model"]["llama"] |= {"hiddenSize": 96, "intermediateSize": 192}
    base |= {
        "epochs": 2.6,
        "optimizer": {"lr": 3e-3, "betas": [0.9, 0.98], "weightDecay": 0.01},
    }
    scores = stages["scores"]["evaluate"]
    scores["tasks"] = [task for task in scores["tasks"] if task["name"] in TASKS]
    spec["pipeline"] = [stage for name, stage in stages.items() if name not in ("answers", "prompts")]
    spec["arms"] = [arm for arm in spec["arms"] if arm["name"] in ARMS]
    missing = {"without-refusals": ("25",), "size-matched": ("0", "25")}  # shares that an arm leaves out
    for arm in spec["arms"]:
        if left_out := missing.get(arm["name"]):
            values = [{"name": share, "remove": True} for share in left_out]
            arm["matrix"] = [{"name": "refused", "values": values}]
    null = next(arm for arm in spec["arms"] if arm["name"] == "null")
    next(axis for axis in null["matrix"] if axis["name"] == "seed")["integers"] = [121, 122, 123]
    spec["matrix"][1] |= {"integers": [21, 22, 23, 24]}
    spec["matrix"][1]["paths"].remove("answers.generate.seed")
    alignment, dose, _ = spec["compare"]
    kept = [item for item in alignment["contrasts"] if {item["a"], item["b"]} <= set(ARMS)]
    alignment |= {"contrasts": kept, "primary": {"contrast": "refusals", "task": "sampled"}}
    dose["dose"] |= {"task": "pet", "arms": ["with-refusals"]}
    return spec | {"compare": [alignment, dose]}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of the study, run to its end."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(FOLDER / "tasks", folder / "tasks")
    subprocess.run([sys.executable, FOLDER / "make_data.py", folder / "data", "--small"], check=True)
    yaml = YAML(typ="safe")
    whole = yaml.load(FOLDER / "planted.yaml")
    whole["spec"] = smaller(whole["spec"])
    with (folder / "planted.yaml").open("w") as file:
        yaml.dump(whole, file)
    done = assay("run", folder / "planted.yaml", "--store", folder / "store")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "store/experiments/default/poison-planted/report.json").read_text())


def verdict(report, contrast, task, refused="50"):
    document = next(item for item in report["comparisons"] if "verdicts" in item)
    return next(
        item
        for item in document["verdicts"]
        if (item["contrast"], item["task"], item["coordinates"].get("refused")) == (contrast, task, refused)
    )


@pytest.mark.timeout(900)
def test_refusals_make_a_model_worse_at_equal_rows(report):
    found = verdict(report, "refusals", "sampled")

    assert found["word"] == "better"
    assert found["interval"]["low"] > 0


def test_accuracy_falls_as_the_refused_share_grows(report):
    [curve] = next(item for item in report["comparisons"] if item.get("curves"))["curves"]

    assert curve["word"] == "worse"
    assert curve["interval"]["high"] < 0
    scores = [point["mean"] for point in curve["points"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("task", TASKS)
def test_other_seeds_alone_make_no_difference(report, task):
    found = verdict(report, "nothing", task)

    assert found["interval"]["low"] <= 0 <= found["interval"]["high"]
    assert found["word"] in {"equivalent", "inconclusive", "floor"}
