"""The worked example of docs/programs.md, carried out as it stands there."""

import json
import re
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
