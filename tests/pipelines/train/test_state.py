"""Trainings that are stopped and go on."""

import os
import signal
import threading
from datetime import timedelta

import pytest

from assay.artifacts.layout import data_key, resume_key
from assay_pipelines.train import loop

LONG = {"batchSize": 8, "epochs": 4, "checkpoints": {"everyEpochs": 1}}


def states(bench, ref):
    return [info.key for info in bench.store.keys(resume_key(ref, ""))]


def shares(bench, ref):
    return [key for key in states(bench, ref) if key.endswith(".json")]


def steps(bench, ref):
    return [int(key.split("/")[-2]) for key in shares(bench, ref)]


@pytest.fixture
def a_long_training(spec_of, chats_of):
    """Return the spec of a training that takes a while."""

    def spec(bench, kind):
        chats = chats_of(40)
        rejected = {key: [turns[0], ("assistant", "rain")] for key, turns in chats.items()}
        data = bench.chats(chats, rejected=rejected)
        words = {"packed": {"batchUnit": "packedSequences", "batchSize": 2}, "pairs": {"objective": "dpo"}}
        if kind == "updates":
            base = bench.train(spec_of(data))
            tuned = {"model": {"from": str(base.ref)}, "tokenizer": None, "lora": {"rank": 2, "alpha": 4}}
            return spec_of(data, **LONG, **tuned)
        return spec_of(data, **LONG | words.get(kind, {}))

    return spec


@pytest.fixture
def stopped(make_bench, a_long_training):
    """Start a training, and send it a signal once it has kept a state after so many steps, and one before."""

    def stop(number, kind="plain", *, after=2, **execution):
        bench = make_bench("stopped")
        spec = a_long_training(bench, kind)
        ref, process = bench.start(spec, resumeEveryMinutes=0, **execution)
        while max(steps(bench, ref), default=0) < after and process.is_alive():
            process.join(0.02)
        os.kill(process.pid, number)
        return bench, spec, bench.ended(ref, process)

    return stop


@pytest.fixture
def undisturbed(make_bench, a_long_training):
    def run(kind="plain", **execution):
        bench = make_bench("undisturbed")
        return bench.train(a_long_training(bench, kind), **execution)

    return run


@pytest.mark.parametrize(
    ("number", "execution"),
    [
        (signal.SIGTERM, {}),
        (signal.SIGKILL, {}),
        (signal.SIGTERM, {"processesPerNode": 2, "zeroStage": 0}),
        (signal.SIGKILL, {"processesPerNode": 2, "zeroStage": 1}),
        (signal.SIGTERM, {"processesPerNode": 2, "zeroStage": 2}),
        (signal.SIGKILL, {"processesPerNode": 2, "zeroStage": 3}),
    ],
)
def test_a_stopped_training_ends_with_the_bytes_of_one_that_was_not(stopped, undisturbed, number, execution):
    bench, spec, first = stopped(number, **execution)
    kept = max(steps(bench, first.ref))

    second = bench.train(spec, attempt=2, resumeEveryMinutes=1000, **execution)

    assert first.code != 0
    assert kept > 0
    assert second.failure is None
    assert second.record.outputs == undisturbed(**execution).record.outputs
    assert second.record.provenance.figures["stepsBefore"] > 0
    assert states(bench, first.ref) == []


def test_a_training_that_is_run_again_as_the_same_attempt_goes_on_and_has_not_failed(stopped, undisturbed):
    bench, spec, first = stopped(signal.SIGTERM)
    assert first.failure.reason == "Interrupted"

    again = bench.train(spec, attempt=1, resumeEveryMinutes=1000)

    assert again.failure is None
    assert again.record.outputs == undisturbed().record.outputs
    assert again.record.provenance.figures["stepsBefore"] > 0


@pytest.mark.parametrize("kind", ["packed", "pairs", "updates"])
def test_a_stopped_training_of_any_kind_ends_with_the_bytes_of_one_that_was_not(stopped, undisturbed, kind):
    bench, spec, first = stopped(signal.SIGKILL, kind)

    second = bench.train(spec, attempt=2, resumeEveryMinutes=1000)

    assert first.code != 0
    assert second.failure is None
    assert second.record.outputs == undisturbed(kind).record.outputs


def test_another_number_of_processes_goes_on_and_takes_the_same_steps(stopped, undisturbed):
    bench, spec, _ = stopped(signal.SIGKILL, processesPerNode=2, zeroStage=2)

    second = bench.train(spec, attempt=2, resumeEveryMinutes=1000, zeroStage=0)

    whole = undisturbed()
    assert second.failure is None
    assert second.metrics["loss"] == pytest.approx(whole.metrics["loss"], abs=1e-5)
    assert second.metrics["rows"] == whole.metrics["rows"]
    assert sorted(second.record.outputs.files) == sorted(whole.record.outputs.files)


def test_a_damaged_state_is_passed_over_for_the_one_before(stopped, undisturbed):
    bench, spec, first = stopped(signal.SIGKILL)
    newest = max(shares(bench, first.ref), key=lambda key: int(key.split("/")[-2]))
    bench.store.put(newest.replace(".json", ".safetensors"), b"cut short")

    second = bench.train(spec, attempt=2, resumeEveryMinutes=1000)

    assert second.record.outputs == undisturbed().record.outputs


def test_a_state_that_lacks_a_process_s_share_is_none(stopped, undisturbed):
    bench, spec, first = stopped(signal.SIGKILL, processesPerNode=2)
    for key in shares(bench, first.ref):
        if key.endswith("/1.json"):
            bench.store.delete(key)

    second = bench.train(spec, attempt=2, resumeEveryMinutes=1000, processesPerNode=2)

    assert second.record.outputs == undisturbed(processesPerNode=2).record.outputs


def test_a_step_that_hangs_ends_its_process_and_the_log_tells_where(
    bench, spec_of, chats_of, monkeypatch, capfd
):
    monkeypatch.setattr(loop, "PATIENCE", timedelta(seconds=1))
    monkeypatch.setattr(loop, "lay_out", lambda *_, **__: threading.Event().wait())

    ended = bench.train(spec_of(bench.chats(chats_of(8))))

    assert ended.code == 1
    assert ended.record is None
    assert "in step" in capfd.readouterr().err


def test_a_process_that_hangs_ends_the_attempt_for_another_to_follow(
    bench, spec_of, chats_of, monkeypatch, capfd
):
    def hang(*words, **more):
        if os.environ["RANK"] == "1":
            threading.Event().wait()
        return lay_out(*words, **more)

    class Patience:
        """Less for the one that hangs: what two processes tell at once is mixed, letter by letter."""

        def total_seconds(self):
            return 1 if os.environ["RANK"] == "1" else 600

    lay_out = loop.lay_out
    monkeypatch.setattr(loop, "PATIENCE", Patience())
    monkeypatch.setattr(loop, "lay_out", hang)

    ended = bench.train(spec_of(bench.chats(chats_of(8))), processesPerNode=2)

    assert (ended.failure.reason, ended.failure.retry) == ("ProcessLost", "later")
    assert "in hang" in capfd.readouterr().err


def test_a_state_whose_document_is_damaged_is_passed_over(stopped, undisturbed):
    bench, spec, first = stopped(signal.SIGKILL)
    newest = max(shares(bench, first.ref), key=lambda key: int(key.split("/")[-2]))
    bench.store.put(newest, b"{")

    second = bench.train(spec, attempt=2, resumeEveryMinutes=1000)

    assert second.record.outputs == undisturbed().record.outputs


def test_a_state_whose_kept_models_are_gone_is_passed_over_and_leaves_nothing(stopped, undisturbed):
    bench, spec, first = stopped(signal.SIGKILL, after=6)
    for info in list(bench.store.keys(data_key(first.ref, 1, "checkpoints/epoch-1/"))):
        if info.key.endswith("config.json"):
            bench.store.delete(info.key)

    second = bench.train(spec, attempt=2, resumeEveryMinutes=1000)

    assert second.record.outputs == undisturbed().record.outputs
