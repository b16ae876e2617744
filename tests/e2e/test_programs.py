"""The worked example of docs/programs.md, carried out as it stands there."""

import json
import re
import shutil
from pathlib import Path

import pytest

from assay.artifacts.documents import Record
from e2e.cli import assay

DOCS = Path(__file__).parents[2] / "docs" / "programs.md"
ANSWERS = ["One.", "One two three.", "A longer answer of seven words, indeed.", "Two words."]


@pytest.fixture
def study(tmp_path):
    for name, text in re.findall(r"`([a-z]+\.(?:yaml|py))`\n\n```\w+\n(.*?)```", DOCS.read_text(), re.DOTALL):
        (tmp_path / name).write_text(text)
    turns = [
        [{"role": "user", "content": "Say."}, {"role": "assistant", "content": answer}] for answer in ANSWERS
    ]
    (tmp_path / "chats.jsonl").write_text("".join(f"{json.dumps({'messages': chat})}\n" for chat in turns))
    return tmp_path


def records(store):
    """The records of program stages, by their folders."""
    return {
        path.parent: Record.decode(path.read_bytes()) for path in store.glob("stages/program/*/record.json")
    }


def run(study):
    return assay("run", study / "study.yaml", "--store", study / "store")


@pytest.mark.timeout(900)
def test_the_example_of_the_docs_runs_once_and_again_only_where_its_code_has_changed(study):
    first = run(study)
    assert first.returncode == 0, first.stdout + first.stderr
    compared = json.loads(
        assay("compare", study / "study.yaml", "--store", study / "store", "-o", "json").stdout
    )
    (model,) = compared["comparisons"][0]["models"]
    assert (model["task"], model["n"], model["effect"]) == ("words", 2, 0)
    before = records(study / "store")
    assert len(before) == 4

    again = run(study)
    assert again.returncode == 0, again.stderr
    assert records(study / "store") == before

    keep = study / "keep.py"
    keep.write_text(keep.read_text().replace(">=", ">"))
    assert run(study).returncode == 0
    after = records(study / "store")
    assert before.items() < after.items()
    told = assay("explain", study / "study.yaml", "all/kept", "--store", study / "store", "-o", "json").stdout
    assert "code.uri" in {item["path"] for item in json.loads(told)["nearest"]["differences"]}


@pytest.mark.timeout(900)
def test_a_program_that_fails_is_told_with_its_exit_code_and_its_log(study):
    (study / "keep.py").write_text("print('no such luck', flush=True)\nraise SystemExit(3)\n")
    failed = run(study)
    assert failed.returncode != 0
    assert (
        "ProgramFailed: the program's command: found exit code 3, expected 0" in failed.stdout + failed.stderr
    )
    logged = assay("logs", study / "study.yaml", "all/kept", "--store", study / "store")
    assert "no such luck" in logged.stdout


TRAINER = """\
import os
import shutil

shutil.copytree(os.environ["ASSAY_INPUTS"] + "/base", os.environ["ASSAY_OUTPUT"], dirs_exist_ok=True)
"""


@pytest.mark.timeout(900)
def test_a_model_that_a_program_wrote_is_evaluated_as_one_that_was_trained(tmp_path, make_model):
    shutil.copytree(make_model(), tmp_path / "base")
    (tmp_path / "trainer").mkdir()
    (tmp_path / "trainer" / "train.py").write_text(TRAINER)
    question = {"question": "Nearest?", "choices": ["A", "B"], "answer": 0}
    (tmp_path / "questions.jsonl").write_text(f"{json.dumps(question)}\n" * 4)
    task = {"name": "questions", "multipleChoice": {"data": "questions.jsonl"}}
    program = {
        "command": ["python3", "train.py"],
        "code": {"uri": "trainer"},
        "inputs": [{"name": "base", "uri": "base"}],
        "output": "model",
        "parameters": {"seed": 1},
    }
    axis = {"name": "seed", "role": "replicate", "paths": ["sft.program.parameters.seed"], "integers": [1, 2]}
    spec = {
        "pipeline": [
            {"name": "sft", "program": program},
            {"name": "theirs", "evaluate": {"model": {"from": "sft"}, "tasks": [task]}},
            {"name": "ours", "evaluate": {"model": {"uri": "base"}, "tasks": [task]}},
        ],
        "arms": [{"name": "only"}],
        "matrix": [axis],
    }
    whole = {
        "apiVersion": "assay.dev/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "own"},
        "spec": spec,
    }
    (tmp_path / "study.yaml").write_text(json.dumps(whole))

    done = run(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(records(tmp_path / "store")) == 2
    evaluated = [
        Record.decode(path.read_bytes()) for path in tmp_path.glob("store/stages/evaluate/*/record.json")
    ]
    assert len(evaluated) == 3
    assert len({record.outputs_digest for record in evaluated}) == 1
    reported = assay("report", tmp_path / "study.yaml", "--store", tmp_path / "store")
    assert reported.returncode == 0, reported.stderr
