"""A training as Ray Train's is the training that torchrun starts."""

import os
import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

from assay.artifacts.kinds import Kind
from assay.artifacts.layout import progress_key
from bench import Outcome

DONE, FAILED, TRY_AGAIN = 0, 64, 75
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def start(bench, tmp_path):
    """Start a train stage as Ray's driver, in a Ray of its own."""
    environment = os.environ | {
        "HOME": str(tmp_path),
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
    }
    started = []

    def begin(spec, **execution):
        ref, argv = bench.claimed(Kind.TRAIN, spec, **execution)
        command = [sys.executable, "-m", "assay_pipelines.train.on_ray", *argv]
        with (tmp_path / "log.txt").open("wb") as log:
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        return ref, started[-1]

    yield begin
    print((tmp_path / "log.txt").read_text()[-20_000:])
    for process in started:
        process.kill()
        process.wait()


def ended(bench, ref, process):
    """Wait for a stage that was started."""
    return Outcome(store=bench.store, ref=ref, code=process.wait())


def test_two_workers_of_ray_take_the_steps_of_two_processes(make_bench, start, bench, spec_of, chats_of):
    chats, here = chats_of(20), make_bench("here")
    two = {"nodes": 1, "processesPerNode": 2, "microBatch": 3}
    expected = here.train(spec_of(here.chats(chats)), **two)

    found = ended(bench, *start(spec_of(bench.chats(chats)), **two))

    assert (found.code, found.failure) == (DONE, None)
    assert found.ref == expected.ref
    assert found.record.outputs == expected.record.outputs


def test_a_spec_that_cannot_be_trained_is_told_of_as_everywhere(start, bench, spec_of, chats_of):
    spec = spec_of(bench.chats(chats_of(4)), checkpoints={"rows": [32]})
    found = ended(bench, *start(spec, processesPerNode=2))

    assert (found.code, found.failure.reason, found.failure.retry) == (
        FAILED,
        "CheckpointUnreachable",
        "never",
    )


def test_a_lost_worker_ends_the_attempt_for_another_to_follow(start, bench, spec_of, chats_of):
    spec = spec_of(bench.chats(chats_of(400)), batchSize=2, epochs=1000)
    ref, process = start(spec, processesPerNode=2)
    while bench.store.get(progress_key(ref, 1)) is None and process.poll() is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)

    workers(process)[-1].kill()
    found = ended(bench, ref, process)

    assert (found.code, found.failure.reason, found.failure.retry) == (TRY_AGAIN, "ProcessLost", "later")


def workers(process):
    """Return the processes that train, by the name that Ray gives them."""
    return [
        one
        for one in psutil.Process(process.pid).children(recursive=True)
        if "RayTrainWorker" in "".join(one.cmdline())
    ]
