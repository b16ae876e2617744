"""`python -m assay_pipelines.train.on_ray [--gpus] --stage <uri> --attempt <n>`: a training as Ray Train's.

Each of Ray's workers runs the very program, as a torchrun's processes do: Ray says which one it is and lets them meet. This
process, Ray's driver, trains nothing; it tells of a worker that ended without a word.
"""

import argparse
import os
import sys
from functools import partial
from typing import Any

os.environ.setdefault("RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S", "600")  # nodes may still join
from ray.train import RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from ray.train.v2.api.config import FailureConfig
from ray.train.v2.api.exceptions import TrainingFailedError

from assay.api.execution import TrainExecution
from assay.artifacts.kinds import Kind
from assay.errors import Retry, StageError
from assay_pipelines.stage import StageRun, run_program

# Every restart is a new attempt of ours.
_ONCE = FailureConfig(max_failures=0, controller_failure_limit=0, max_preemption_failures=0)


def main(argv: list[str] | None = None) -> int:
    """Carry out one attempt at a train stage with a worker per process, each with a GPU of its own if told so."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--gpus", action="store_true")
    told, program = parser.parse_known_args(argv)
    return run_program(Kind.TRAIN, partial(_train, program, gpus=told.gpus), program, speaks=False)


def _train(program: list[str], run: StageRun, *, gpus: bool) -> dict[str, Any]:
    execution = TrainExecution.model_validate(run.execution)
    workers = execution.nodes * execution.processes_per_node
    scaling = ScalingConfig(
        num_workers=workers, use_gpu=gpus, resources_per_worker={"CPU": 1, "GPU": int(gpus)}
    )
    settings = RunConfig(storage_path=str(run.scratch), failure_config=_ONCE)
    try:
        TorchTrainer(partial(_live, program), scaling_config=scaling, run_config=settings).fit()
    except TrainingFailedError as error:
        found = f"found that one ended ({error!s:.200}), expected all to finish"
        do = "Look at the log and at the memory; another attempt follows."
        raise StageError("ProcessLost", "the training's processes", found, do, retry=Retry.LATER) from error
    return {}


def _live(program: list[str]) -> None:
    from assay_pipelines.train.__main__ import main as train  # noqa: PLC0415 -- the driver does not train

    if code := train(program):
        raise RuntimeError(f"a process of the training ended with {code}")


if __name__ == "__main__":
    sys.exit(main())
