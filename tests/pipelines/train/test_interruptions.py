"""Trainings that are stopped, and processes that are lost."""

import os
import signal

import psutil
import pytest
import torch

from assay.artifacts.layout import progress_key
from assay_pipelines.train import __main__ as program
from assay_pipelines.train import launch

TRY_AGAIN = 75


@pytest.fixture
def under_way(bench, spec_of, chats_of):
    """Start a training of many steps, and return it once it takes them."""

    def start(processes):
        spec = spec_of(bench.chats(chats_of(400)), batchSize=2, epochs=1000)
        ref, process = bench.start(spec, processesPerNode=processes)
        while bench.store.get(progress_key(ref, 1)) is None and process.is_alive():
            process.join(0.05)
        return ref, process

    return start


@pytest.mark.parametrize("processes", [1, 2])
def test_a_request_to_stop_ends_the_attempt_for_another_to_follow(bench, under_way, processes):
    ref, process = under_way(processes)
    children = psutil.Process(process.pid).children()

    os.kill(process.pid, signal.SIGTERM)
    ended = bench.ended(ref, process)

    assert (ended.code, ended.failure.reason, ended.failure.retry) == (
        TRY_AGAIN,
        "Interrupted",
        "later",
    )
    assert psutil.wait_procs(children, timeout=30)[1] == []


def test_a_lost_process_ends_the_attempt_for_another_to_follow(bench, under_way):
    ref, process = under_way(2)

    psutil.Process(process.pid).children()[-1].kill()
    ended = bench.ended(ref, process)

    assert (ended.code, ended.failure.reason, ended.failure.retry) == (
        TRY_AGAIN,
        "ProcessLost",
        "later",
    )


def test_processes_end_with_the_one_that_started_them(under_way):
    _, process = under_way(2)
    children = psutil.Process(process.pid).children()

    process.kill()
    process.join()

    assert len(children) == 2
    assert psutil.wait_procs(children, timeout=30)[1] == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (torch.OutOfMemoryError("out of memory"), "OutOfMemory"),
        (RuntimeError("Connection reset by peer"), "ProcessLost"),
    ],
)
def test_what_another_attempt_may_mend_is_told_so_by_a_process_alone(
    bench, spec_of, monkeypatch, error, reason
):
    def fail(*_):
        raise error

    monkeypatch.setattr(launch, "carry_out", fail)
    ended = bench.train(spec_of(bench.chats({"a": [("user", "hello"), ("assistant", "yes")]})))

    assert (ended.code, ended.failure.reason, ended.failure.retry) == (TRY_AGAIN, reason, "later")


def test_processes_that_ended_leave_a_request_to_stop_what_it_was(bench, spec_of, chats_of, monkeypatch):
    before = [signal.getsignal(number) for number in launch._TAKEN_OVER]
    spec = spec_of(bench.chats(chats_of(8)))
    after = bench.folder / "after"

    def train_and_look(run):
        summary = train_stage(run)
        now = [signal.getsignal(number) for number in launch._TAKEN_OVER]
        after.write_text(str(now[1:] == before[1:] and "elastic" not in now[0].__module__))
        return summary

    train_stage = program.train_stage
    monkeypatch.setattr(program, "train_stage", train_and_look)
    ended = bench.train(spec, processesPerNode=2)

    assert ended.failure is None
    assert after.read_text() == "True"


def test_a_bug_in_one_of_several_processes_is_told_as_one_and_not_tried_again(
    bench, spec_of, chats_of, monkeypatch
):
    def fail(*_):
        raise KeyError("weight")

    monkeypatch.setattr(launch, "carry_out", fail)
    ended = bench.train(spec_of(bench.chats(chats_of(8))), processesPerNode=2)

    assert (ended.code, ended.failure.reason, ended.failure.retry) == (70, "Unforeseen", "never")
