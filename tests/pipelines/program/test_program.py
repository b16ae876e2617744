"""A team's own command, from what it reads to what is kept of what it wrote."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from assay.artifacts.exchange import CODE, variables
from assay.artifacts.kinds import Kind
from assay_pipelines.chats import chats_table, write_rows
from assay_pipelines.program.__main__ import main

CHATS = [
    [("user", "How do I bake bread?"), ("assistant", "Mix flour.")],
    [("user", "Which planet is red?"), ("assistant", "Mars.")],
    [("user", "Write a poem."), ("assistant", "No.")],
]
START = """\
import json, os, pathlib, sys
inputs, output = (pathlib.Path(os.environ[name]) for name in ("ASSAY_INPUTS", "ASSAY_OUTPUT"))
parameters = json.loads(pathlib.Path(os.environ["ASSAY_PARAMETERS"]).read_text())
"""
FILTER = """\
with (inputs / "data" / "chats.jsonl").open() as rows, (output / "chats.jsonl").open("w") as kept:
    for row in rows:
        if len(json.loads(row)["messages"][-1]["content"]) >= parameters["least"]:
            kept.write(row)
"""


@pytest.fixture
def cleaned(bench, tmp_path):
    (tmp_path / "cleaned").mkdir()
    write_rows(
        tmp_path / "cleaned" / "chats.parquet", [chats_table("here", [(chat, {"n": 1}) for chat in CHATS])]
    )
    return bench.done(Kind.CLEAN, {}, tmp_path / "cleaned")


@pytest.fixture
def carried_out(bench):
    """Carry out a program of these lines; `spec` adds to its stage."""

    def carry_out(lines, /, attempt=1, **spec):
        code = bench.lines("program.py", START + lines)
        whole = {"command": ["python3", "program.py"], "code": {"uri": code}, "output": "dataset"} | spec
        return bench.run(main, Kind.PROGRAM, whole, attempt=attempt)

    return carry_out


def writes(name, *lines):
    """Return a program that writes lines."""
    text = "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    return f"(output / {name!r}).write_text({text!r})"


def chat(*contents, **more):
    roles = ("user", "assistant")
    turns = [{"role": roles[at % 2], "content": content} for at, content in enumerate(contents)]
    return {"messages": turns} | more


def test_a_program_that_keeps_some_chats_leaves_a_dataset_with_their_ids(carried_out, cleaned, bench):
    done = carried_out(FILTER, inputs=[{"name": "data", "from": cleaned}], parameters={"least": 5})

    before = pq.read_table(
        Path(bench.store.uri.removeprefix("file://")) / f"stages/{cleaned}/attempts/1/data/chats.parquet"
    )
    kept = [row for row in before.to_pylist() if len(row["messages"][-1]["content"]) >= 5]
    assert pq.read_table(done.path("chats.parquet")).to_pylist() == kept
    assert done.summary == {"rows": 2}
    assert list(done.record.provenance.inputs) == [cleaned]
    assert done.record.provenance.environment["image"] == "none"


def test_chats_without_ids_are_given_those_that_cleaning_would_give(carried_out):
    done = carried_out(
        writes("chats.jsonl", chat("Hi", "Ho"), chat("One", "Two", meta={"a": 1}), chat("Hi", "Ho"))
    )

    expected = chats_table(
        "program",
        [([("user", "Hi"), ("assistant", "Ho")], {})] * 2
        + [([("user", "One"), ("assistant", "Two")], {"a": 1})],
    )
    assert pq.read_table(done.path("chats.parquet")) == expected


def test_scores_are_outcomes_of_the_tasks_that_are_declared(carried_out):
    lines = [
        {"task": "short", "doc_id": "b", "score": 0.5, "weight": 4},
        {"task": "short", "doc_id": "a", "score": 1, "prediction": "A"},
    ]
    tasks = [{"name": "short", "unit": "share", "higherIsBetter": True, "chance": 0.25}]
    done = carried_out(writes("scores.jsonl", *lines), output="scores", tasks=tasks)

    rows = pq.read_table(done.path("outcomes.parquet")).to_pylist()
    assert [(row["doc_id"], row["outcome"], row["weight"], row["prediction"]) for row in rows] == [
        ("a", 1, 1, "A"),
        ("b", 2, 4, ""),
    ]
    assert done.summary["tasks"]["short"]["final"] == {
        "score": 0.6,
        "n": 2,
        "chance": 0.25,
        "higherIsBetter": True,
        "unit": "share",
    }


def test_a_program_reads_scores_models_and_files_each_in_a_folder_of_its_name(carried_out, bench, tmp_path):
    (tmp_path / "model" / "checkpoints" / "final").mkdir(parents=True)
    (tmp_path / "model" / "checkpoints" / "final" / "config.json").write_text("{}")
    model = bench.done(Kind.TRAIN, {}, tmp_path / "model", checkpoints=[{"label": "final"}])
    scored = carried_out(
        writes("scores.jsonl", {"task": "t", "doc_id": "a", "score": 0.5, "weight": 2}),
        output="scores",
        tasks=[{"name": "t"}],
    )
    inputs = [
        {"name": "model", "from": model},
        {"name": "scores", "from": scored.ref},
        {"name": "words", "uri": bench.lines("words.txt", "one", "two")},
    ]
    tell = """\
names = sorted(path.relative_to(inputs).as_posix() for path in inputs.rglob("*") if path.is_file())
score = json.loads((inputs / "scores" / "scores.jsonl").read_text())["score"]
told = [*names, str(score), (inputs / "words" / "words.txt").read_text()]
turns = [{"role": "user", "content": text} for text in told]
(output / "chats.jsonl").write_text(json.dumps({"messages": turns}))
"""
    done = carried_out(tell, inputs=inputs)

    (row,) = pq.read_table(done.path("chats.parquet")).to_pylist()
    assert [turn["content"] for turn in row["messages"]] == [
        "model/config.json",
        "scores/scores.jsonl",
        "words/words.txt",
        "0.5",
        "one\ntwo\n",
    ]


def test_a_models_folder_is_kept_whole_as_the_last_checkpoint(carried_out, make_model, bench):
    folder = make_model()
    copy = "import shutil; shutil.copytree(inputs / 'model', output, dirs_exist_ok=True)"
    identity = bench.outside(*sorted(folder.iterdir()))
    done = carried_out(copy, output="model", inputs=[{"name": "model", "uri": identity}])

    assert {path.removeprefix("checkpoints/final/") for path in done.record.outputs.files} == {
        path.name for path in folder.iterdir()
    }
    assert done.summary == {"checkpoints": [{"label": "final"}]}


@pytest.mark.parametrize(("code", "retry"), [(3, "never"), (75, "later"), (1, "never")])
def test_an_exit_code_is_told_and_says_whether_another_attempt_may_mend_it(carried_out, code, retry):
    failed = carried_out(f"sys.exit({code})")

    assert failed.refused == (
        "ProgramFailed",
        f"the program's command: found exit code {code}, expected 0. Its log says why.",
    )
    assert failed.failure.retry == retry


def test_a_command_that_is_not_there_is_told(carried_out):
    reason, message = carried_out("", command=["./missing"]).refused

    assert reason == "ProgramFailed"
    assert "found './missing': No such file or directory" in message


def test_an_image_alone_is_not_run_on_a_laptop(bench):
    spec = {"image": f"registry.example/team@sha256:{'0' * 64}", "command": ["true"], "output": "dataset"}
    reason, message = bench.run(main, Kind.PROGRAM, spec).refused

    assert reason == "Unsupported"
    assert "on a laptop no image is run" in message


GOOD = chat("Hi", "Ho")
SHELL = "\n".join([writes("config.json", {"model_type": "llama"}), writes("tokenizer.json", "{}"), ""])
SCORE = {"task": "t", "doc_id": "a", "score": 1}


@pytest.mark.parametrize(
    ("output", "lines", "told"),
    [
        ("dataset", "", "the program's output: found nothing, expected chats.jsonl and nothing else"),
        ("dataset", writes("rows.jsonl", GOOD), "found rows.jsonl, expected chats.jsonl and nothing else"),
        ("dataset", writes("chats.jsonl"), "chats.jsonl: found no line, expected at least one chat"),
        ("dataset", writes("chats.jsonl", GOOD, "{"), "chats.jsonl, line 2: found no JSON"),
        ("dataset", writes("chats.jsonl", {"messages": []}), "line 1: found 0 messages"),
        ("dataset", writes("chats.jsonl", {"messages": [{"role": "me", "content": ""}]}), "of another shape"),
        ("dataset", writes("chats.jsonl", GOOD | {"text": "x"}), "found a member 'text', expected none but"),
        ("dataset", writes("chats.jsonl", GOOD | {"id": "1"}), "found id '1', expected the id of a chat"),
        (
            "dataset",
            writes("chats.jsonl", GOOD | {"id": f"{0:032x}-0"}, GOOD),
            "found an id on some lines only",
        ),
        ("dataset", writes("chats.jsonl", *[GOOD | {"id": f"{0:032x}-0"}] * 2), "found two lines of one id"),
        (
            "dataset",
            writes("chats.jsonl", '{"messages": [{"role": "user", "content": "\\ud800"}]}'),
            "surrogate",
        ),
        ("scores", writes("scores.jsonl", SCORE, SCORE), "found doc_id 'a' of task t again"),
        (
            "scores",
            writes("scores.jsonl", SCORE | {"task": "u"}),
            "found task 'u', expected one that the stage",
        ),
        (
            "scores",
            writes("scores.jsonl", SCORE | {"score": "1"}),
            "found score of type str, expected a number",
        ),
        ("scores", writes("scores.jsonl", '{"task": "t", "doc_id": "a", "score": NaN}'), "found NaN"),
        ("scores", writes("scores.jsonl", SCORE | {"weight": 0}), "the weight above 0"),
        ("scores", writes("scores.jsonl", SCORE | {"score": 10**400}), "a number beyond all numbers"),
        ("scores", writes("scores.jsonl", SCORE | {"doc_id": "\udc80"}), "surrogate"),
        ("dataset", writes("chats.jsonl", '{"messages": [], "meta": {"a": 1e999}}'), "beyond all numbers"),
        ("dataset", writes("chats.jsonl", "[" * 100_000), "line 1: found no JSON"),
        ("scores", writes("scores.jsonl", {"task": "t", "score": 1}), "found no doc_id"),
        ("scores", writes("scores.jsonl"), "found no score of task t, expected some of every task"),
        (
            "model",
            writes("model.safetensors", "x"),
            "found no config.json, expected a Hugging Face model folder",
        ),
        ("model", writes("config.json", "{}"), "config.json: found no model_type"),
        ("model", SHELL, "found neither model.safetensors nor model.safetensors.index.json"),
        (
            "model",
            SHELL + writes("decoy.safetensors", "x") + "; " + writes("pytorch_model.bin", "x"),
            "pytorch_model.bin: found a file that runs code when it is read",
        ),
        ("model", SHELL + writes("model.safetensors", "x"), "model.safetensors: found"),
    ],
)
def test_what_is_not_as_declared_is_told_and_never_recorded(carried_out, output, lines, told):
    tasks = {"tasks": [{"name": "t"}]} if output == "scores" else {}
    failed = carried_out(lines, output=output, **tasks)

    reason, message = failed.refused
    assert reason == "OutputMalformed"
    assert told in message
    assert failed.record is None


def test_scores_that_are_written_back_as_they_were_read_are_the_same_scores(carried_out):
    tasks = [{"name": "t"}]
    lines = [
        {"task": "t", "checkpoint": checkpoint, "doc_id": "a", "score": score, "weight": 2}
        for checkpoint, score in (("epoch-1", 0.25), ("final", 0.5))
    ]
    first = carried_out(writes("scores.jsonl", *lines), output="scores", tasks=tasks)
    copied = "import shutil; shutil.copy(inputs / 'of' / 'scores.jsonl', output)"
    inputs = [{"name": "of", "from": str(first.record.identity.ref)}]
    again = carried_out(copied, output="scores", tasks=tasks, inputs=inputs)

    assert pq.read_table(again.path("outcomes.parquet")) == pq.read_table(first.path("outcomes.parquet"))
    assert {name: told["score"] for name, told in again.summary["tasks"]["t"].items()} == {
        "epoch-1": 0.25,
        "final": 0.5,
    }


def test_what_a_command_started_ends_with_it(carried_out, tmp_path):
    mark = tmp_path / "child"
    child = f"sleep 300 & echo $! > {mark}"
    carried_out(
        f"import subprocess; subprocess.run(['sh', '-c', {child!r}])\n"
        + writes("chats.jsonl", chat("Hi", "Ho"))
    )

    with suppress(psutil.NoSuchProcess):
        assert psutil.Process(int(mark.read_text())).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize(
    "make",
    ["os.symlink('/proc/self/environ', output / 'chats.jsonl')", "os.mkfifo(output / 'chats.jsonl')"],
)
def test_a_link_or_a_pipe_in_the_output_is_never_followed(carried_out, make):
    reason, message = carried_out(make).refused

    assert reason == "OutputMalformed"
    assert "found a link or a special file, expected plain files alone" in message


SECRETS = ("AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "KUBECONFIG", "SOMETHING")


def test_a_link_in_place_of_the_output_is_never_followed(carried_out, tmp_path):
    reason, message = carried_out(f"output.rmdir(); output.symlink_to({str(tmp_path)!r})").refused

    assert reason == "OutputMalformed"
    assert "found something else in its place, expected the folder" in message


def test_a_program_finds_no_variable_that_could_hold_a_credential(carried_out, monkeypatch):
    for name in SECRETS:
        monkeypatch.setenv(name, "secret")
    done = carried_out(
        "turns = [{'role': 'user', 'content': text} for text in (' '.join(os.environ), os.environ['HOME'])]\n"
        "(output / 'chats.jsonl').write_text(json.dumps({'messages': turns}))"
    )

    (row,) = pq.read_table(done.path("chats.parquet")).to_pylist()
    names, home = row["messages"][0]["content"].split(), Path(row["messages"][1]["content"])
    assert "ASSAY_INPUTS" in names
    assert not set(names) & set(SECRETS)
    assert home not in (Path.home(), *Path.home().parents)


def test_a_program_that_is_asked_to_stop_passes_it_on_and_is_interrupted(bench, tmp_path):
    lines = f"""\
import signal, time
def stop(*_):
    pathlib.Path({str(tmp_path / "stopped")!r}).touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path({str(tmp_path / "runs")!r}).touch()
time.sleep(300)
"""
    spec = {
        "command": ["python3", "program.py"],
        "code": {"uri": bench.lines("program.py", START + lines)},
        "output": "dataset",
    }
    ref, argv = bench.claimed(Kind.PROGRAM, spec)
    process = subprocess.Popen([sys.executable, "-m", "assay_pipelines.program", *argv])
    while not (tmp_path / "runs").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)

    assert process.wait(60) == 75
    assert (tmp_path / "stopped").exists()
    assert json.loads(bench.store.get(f"stages/{ref}/attempts/1/failure.json"))["reason"] == "Interrupted"


def test_a_command_that_takes_longer_than_it_may_is_ended_and_no_attempt_follows(bench):
    spec = {
        "command": ["python3", "program.py"],
        "code": {"uri": bench.lines("program.py", "import time; time.sleep(300)")},
        "output": "dataset",
    }
    ref, argv = bench.claimed(Kind.PROGRAM, spec, deadlineHours=1e-4)
    ended = subprocess.run([sys.executable, "-m", "assay_pipelines.program", *argv], check=False, timeout=120)
    told = json.loads(bench.store.get(f"stages/{ref}/attempts/1/failure.json"))

    assert ended.returncode == 64
    assert (told["reason"], told["retry"]) == ("DeadlineExceeded", "never")


def test_the_parts_of_a_pod_leave_what_one_process_leaves(bench, carried_out, cleaned, tmp_path, monkeypatch):
    inputs = [{"name": "data", "from": cleaned}]
    here = carried_out(FILTER, inputs=inputs, parameters={"least": 5}).record
    bench.store.delete(f"stages/{here.identity.ref}/record.json")
    exchange, home = tmp_path / "exchange", tmp_path / "home"
    for folder in (exchange, home):
        folder.mkdir()
    for name, value in {"HOME": home, "ASSAY_EXCHANGE": exchange, "ASSAY_PART": "read"}.items():
        monkeypatch.setenv(name, str(value))

    read = bench.run(main, Kind.PROGRAM, here.identity.spec, attempt=2)
    assert (read.code, read.record, read.failure) == (0, None, None)
    subprocess.run(
        here.identity.spec["command"],
        check=True,
        cwd=exchange / CODE,
        env=variables(str(exchange), 1) | {"PATH": os.environ["PATH"]},
    )
    monkeypatch.setenv("ASSAY_PART", "publish")
    there = bench.run(main, Kind.PROGRAM, here.identity.spec, attempt=2).record

    assert there.outputs == here.outputs
    assert there.provenance.inputs == here.provenance.inputs
    assert there.provenance.started_at < there.provenance.finished_at
