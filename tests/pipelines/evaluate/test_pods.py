"""Several pods carry out one evaluation: the first writes what one alone would have written, whatever becomes of the others."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from assay.artifacts.documents import ArtifactRef, Failure
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import record_key, resume_key
from assay.errors import Retry
from assay.stores.claims import attempts, fail, read_progress
from assay_pipelines.chats import chats_table, write_rows
from assay_pipelines.evaluate.__main__ import main
from assay_pipelines.evaluate.dealing import POD, Size
from assay_pipelines.evaluate.work import Batch, NotNeeded
from bench import Outcome


@pytest.fixture(scope="module")
def model(make_model):
    return make_model(context=512)


@pytest.fixture
def spec(bench, model, tmp_path):
    """A stage of every way to ask a model, for two checkpoints."""
    for label in ("final", "epoch-0.5"):
        shutil.copytree(model, tmp_path / "trained" / "checkpoints" / label)
    labels = [{"label": "epoch-0.5"}, {"label": "final"}]
    trained = bench.done(Kind.TRAIN, {"seed": 1}, tmp_path / "trained", checkpoints=labels)
    (tmp_path / "texts").mkdir()
    chats = [([("text", f"{number} stones and rivers " * number)], {}) for number in range(1, 10)]
    write_rows(tmp_path / "texts" / "chats.parquet", [chats_table("held-out", chats)])
    texts = bench.done(Kind.CLEAN, {"of": "texts"}, tmp_path / "texts")
    questions = [
        {"question": f"Which of {number} planets?", "choices": ["Earth", "Mars"], "answer": number % 2}
        for number in range(11)
    ]
    examples = [{"input": f"Is it {number} o'clock?", "target": "Yes"} for number in range(9)]
    clock = bench.lines("clock.json", json.dumps({"examples": examples}))
    tasks = [
        {"name": "quiz", "multipleChoice": {"data": bench.lines("quiz.jsonl", *map(json.dumps, questions))}},
        {"name": "held-out", "bitsPerByte": {"data": {"from": texts}}},
        {"name": "drift", "divergence": {"data": {"from": texts}, "reference": {"from": trained}}},
        {"name": "instructeval_bbh", "instructeval": {"benchmark": "bbh", "data": clock}},
        written(bench),
    ]
    return {
        "model": {"from": trained},
        "checkpoints": "all",
        "tasks": tasks,
        "precision": "fp32",
        "seed": 0,
    }


def written(bench):
    """Return a task after whose prompts the model writes."""
    data = bench.folder / "words.jsonl"
    data.write_text("".join(f'{{"question": "Rain {at} and", "answer": "stones"}}\n' for at in range(9)))
    task = bench.folder / "words.yaml"
    task.write_text(
        f"task: words\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: '{data}'}}}}\n"
        "test_split: test\noutput_type: generate_until\n"
        "doc_to_text: '{{question}}'\ndoc_to_target: '{{answer}}'\n"
        "generation_kwargs: {until: ['.'], max_gen_toks: 4}\n"
        "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]\n"
    )
    return {"name": "words", "harness": {"config": bench.outside(task)}}


@pytest.fixture
def in_pod(bench, monkeypatch):
    """Carry out a pod's share as its pod would."""

    def run(spec, index, *, pods=2, attempt=2):
        monkeypatch.setenv(POD, str(index))
        return bench.run(main, Kind.EVALUATE, spec, attempt=attempt, pods=pods, batch=2)

    return run


@pytest.fixture
def outputs(bench, spec):
    """Return what one pod alone writes; its record is taken away again."""
    done = bench.run(main, Kind.EVALUATE, spec, batch=2)
    assert done.record is not None, done.failure
    outputs = done.record.outputs
    bench.store.delete(record_key(done.ref))
    return outputs


def kept(bench, ref):
    return [info.key for info in bench.store.keys(resume_key(ref, ""))]


@pytest.mark.parametrize("pods", [2, 3])
def test_pods_beside_each_other_write_the_bytes_of_one(bench, spec, outputs, pods):
    ref, argv = bench.claimed(Kind.EVALUATE, spec, attempt=2, pods=pods, batch=2)
    command = [sys.executable, "-m", "assay_pipelines.evaluate", *argv]
    processes = [subprocess.Popen(command, env=os.environ | {POD: str(index)}) for index in range(pods)]

    assert [process.wait() for process in processes] == [0] * pods
    assert Outcome(store=bench.store, ref=ref, code=0).record.outputs == outputs
    assert kept(bench, ref) == []


def test_the_first_pod_takes_up_what_another_kept_and_does_the_rest(bench, spec, outputs, in_pod):
    helped = in_pod(spec, 1)
    assert (helped.code, helped.record, helped.failure) == (0, None, None)
    assert not attempts(bench.store, helped.ref)[-1].started
    assert read_progress(bench.store, helped.ref, 2) is None

    done = in_pod(spec, 0)
    figures = done.record.provenance.figures
    assert done.record.outputs == outputs
    assert figures["rowsTakenUp"] == pytest.approx(figures["rows"], rel=0.2)


def test_a_pod_that_never_comes_costs_time_and_nothing_else(spec, outputs, in_pod):
    done = in_pod(spec, 0, pods=3)

    assert done.record.outputs == outputs
    assert done.record.provenance.figures["rowsTakenUp"] == 0


def test_a_pod_that_comes_when_all_is_done_leaves_nothing(bench, spec, in_pod):
    in_pod(spec, 0)
    late = in_pod(spec, 1)

    assert (late.code, late.failure) == (0, None)
    assert kept(bench, late.ref) == []


def test_a_pod_that_helps_ends_once_the_attempt_has_failed_for_good(bench, spec, in_pod):
    ref, _ = bench.claimed(Kind.EVALUATE, spec, attempt=2)
    fail(bench.store, ref, 2, Failure(reason="SandboxUnavailable", message="none", retry=Retry.NEVER))

    assert in_pod(spec, 1).code == 0
    assert kept(bench, ref) == []


def test_a_pod_that_helps_goes_on_when_the_attempt_was_only_interrupted(bench, spec, in_pod):
    ref, _ = bench.claimed(Kind.EVALUATE, spec, attempt=2)
    fail(bench.store, ref, 2, Failure(reason="Interrupted", message="stopped", retry=Retry.LATER))

    assert in_pod(spec, 1).code == 0
    assert kept(bench, ref) != []


def test_what_keeps_a_pod_from_helping_is_told_to_its_log_alone(bench, spec, in_pod, capsys):
    helped = in_pod(spec | {"model": {"from": f"train/{'0' * 64}"}}, 1)

    assert (helped.code, helped.failure) == (75, None)
    assert "found no record, expected one" in capsys.readouterr().err


@pytest.fixture
def sharing(working, monkeypatch):
    """Begin the work of one of two pods."""

    def work(index):
        monkeypatch.setenv(POD, str(index))
        return working(pods=2)

    return work


def batches(make):
    return [Batch(what=number, rows=[number], make=make, size=Size(tokens=1)) for number in range(6)]


def test_a_pod_that_was_overtaken_goes_on_where_nobody_was(sharing):
    helps, leads, made = sharing(1), sharing(0), []

    def late(rows):
        if not made:
            leads.all(batches(lambda rows: rows))
        made.append(rows)
        return rows

    with helps.measure("helping", 0, 1):
        helps.all(batches(late))
    assert len(made) == 1


def test_what_is_kept_after_the_stage_is_done_is_removed_again(bench, sharing):
    helps = sharing(1)
    ref = ArtifactRef(bench.stage(Kind.EVALUATE, {"of": "work"}).ref)

    def late(rows):
        bench.finish(bench.stage(Kind.EVALUATE, {"of": "work"}))
        return rows

    with pytest.raises(NotNeeded), helps.measure("helping", 0, 1):
        helps.all(batches(late)[:2])
    assert kept(bench, ref) == []
