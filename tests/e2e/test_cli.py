"""Wrong input is told in three parts, without a traceback, and costs nothing."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from e2e.cli import assay, started

HERE = Path(__file__).parent
S3 = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@pytest.fixture
def spec(tmp_path):
    shutil.copy(HERE / "small.yaml", tmp_path)
    (tmp_path / "chats.jsonl").write_text('{"conversations": [{"from": "human", "value": "Hello there"}]}\n')
    return tmp_path / "small.yaml"


def edited(spec: Path, old: str, new: str) -> Path:
    text = spec.read_text()
    assert old in text
    spec.write_text(text.replace(old, new, 1))
    return spec


def refused(done, *words: str) -> None:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("spec:", "spec: [", ("small.yaml",)),
        ("batchSize: 4", "batchsize: 4", ("batchsize", "batchSize")),
        ("batchSize: 4", "batchSize: many", ("batchSize", "many")),
        ("[{name: sft, train", "[{name: sfd, train", ("small.yaml:42", "Did you mean `sft`")),
        ("{from: chats}", "{from: chatz}", ("chatz", "chats")),
        ("from: base", "from: sft", ("circle",)),
        ("name: slower", "name: plain", ("plain",)),
        ("uri: chats.jsonl", "uri: missing.jsonl", ("missing.jsonl", "found nothing")),
        ("a: slower", "a: slowest", ("slowest", "slower")),
    ],
)
def test_a_faulty_spec_is_refused_with_what_was_found(spec, old, new, words):
    refused(assay("validate", edited(spec, old, new)), *words)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    refused(assay("run", tmp_path / "none.yaml"), "none.yaml", "No such file")


def test_an_empty_source_is_refused_before_anything_starts(spec):
    (spec.parent / "chats.jsonl").write_text("")

    refused(assay("run", spec, "--store", spec.parent / "store"), "empty")


def test_a_folder_without_files_is_told_as_such_with_what_to_write(spec):
    (spec.parent / "raw").mkdir()

    refused(
        assay("validate", edited(spec, "uri: chats.jsonl", "uri: raw")),
        "a folder without files",
        "raw/*.jsonl",
    )


def test_s3_without_credentials_is_refused(spec):
    refused(assay("plan", spec, "--store", "s3://bucket/prefix", **S3), "AWS_ACCESS_KEY_ID")


def test_well_known_default_credentials_are_refused(spec):
    known = S3 | {"AWS_ACCESS_KEY_ID": "minioadmin", "AWS_SECRET_ACCESS_KEY": "minioadmin"}

    done = assay("plan", spec, "--store", "s3://bucket/prefix", **known)

    refused(done, "default")
    assert done.stderr.count("minioadmin") <= 1  # the key's name at most, never the secret


def test_a_plan_as_json_is_for_programs(spec):
    plan = json.loads(assay("plan", spec, "--store", spec.parent / "store", "-o", "json").stdout)

    assert {row["plan"] for row in plan["stages"]} == {"run"}
    assert [row["label"] for row in plan["stages"] if row["kind"] == "clean"] == ["plain+slower/chats"]


@pytest.mark.parametrize("command", [("plan",), ("status",), ("logs", "plain/sft")])
def test_looking_makes_no_store(spec, command):
    store = spec.parent / "store"

    assert assay(command[0], spec, *command[1:], "--store", store).returncode == 0
    assert not store.exists()


def test_a_store_that_is_a_file_is_refused(spec):
    refused(assay("plan", spec, "--store", spec), "found a file, expected a folder")


def test_a_stage_that_is_misspelt_is_refused_with_the_nearest(spec):
    refused(assay("logs", spec, "plain/stf", "--store", spec.parent / "store"), "plain/sft")


def test_a_watch_that_is_interrupted_ends_without_a_word(spec):
    watch = started("status", spec, "--store", spec.parent / "store", "--watch")
    assert watch.stdout.readline() == "0 of 9 stages done\n"
    watch.send_signal(signal.SIGINT)

    assert watch.stdout.read() == ""
    assert watch.wait() == 130


def completed(*words: str) -> list[str]:
    asked = {"_ASSAY_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words)}
    return assay(**asked, COMP_CWORD=str(len(words) - 1)).stdout.split()


def test_a_shell_completes_stages_of_the_file_though_its_inputs_are_missing(spec):
    (spec.parent / "chats.jsonl").unlink()

    assert completed("assay", "explain", str(spec), "slower/s") == ["slower/sft", "slower/scores"]
    assert completed("assay", "explain", str(spec.parent / "none.yaml"), "s") == []
