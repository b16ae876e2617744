"""What a training does between its steps: it reports, keeps models and states, and heeds a request to stop."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from assay.errors import AssayError
from assay_pipelines.stage import StageRun
from assay_pipelines.train.course import Course
from assay_pipelines.train.engine import Engine
from assay_pipelines.train.folders import save_model
from assay_pipelines.train.interruption import Interruption
from assay_pipelines.train.speed import speeds
from assay_pipelines.train.state import States
from assay_pipelines.train.timetable import Keep
from assay_pipelines.train.work import Work


class Housekeeping:
    """One process's part; every process calls all of it, in the same order. Uploads go on while it trains, and are done when this is left."""

    def __init__(self, run: StageRun, work: Work, engine: Engine, states: States) -> None:
        self._run, self._work, self._engine, self._states = run, work, engine, states
        self._leads = states.place.leads
        self._interruption = Interruption()
        self._held = time.monotonic()

    def __enter__(self) -> Self:
        self._interruption.__enter__()
        if self._leads:
            self._states.background.submit(
                self._upload, self._run.output
            )  # what attempts before this one kept
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._states.background.wait()
        except AssayError as lost:
            if error is None:
                raise
            print(lost)  # noqa: T201 -- the attempt's log; what ended the training is told
        finally:
            self._interruption.__exit__(kind, error, trace)

    def report(self, doing: str, *, tokens_per_second: float, **figures: Any) -> None:
        """Say how it goes."""
        figures |= speeds(tokens_per_second, self._work.operations, self._states.place)
        self._run.progress(doing, **figures)

    def save(self, keep: Keep) -> None:
        """Keep the model as it is now: training goes on once it is copied; it is written, and goes to the store, in the background."""
        weights = {
            name: weight.to("cpu", copy=True) for name, weight in self._engine.weights() if self._leads
        }
        if self._leads:
            folder = self._run.output / "checkpoints" / keep.label
            self._states.background.submit(self._write, folder, weights)

    def _write(self, folder: Path, weights: dict[str, torch.Tensor]) -> None:
        save_model(folder, self._work.model, weights, self._work.tokenizer, lora=self._work.train.lora)
        self._upload(folder)

    def hold(self, course: Course) -> None:
        """Keep a state to go on from."""
        self._states.keep(self._engine, course)
        self._held = time.monotonic()

    def due(self) -> bool:
        """Whether the last state is as old as the execution allows; the leader's word counts."""
        return time.monotonic() - self._held >= self._work.execution.resume_every_minutes * 60

    def asked_to_stop(self) -> bool:
        """Whether this process was asked to end; one that was ends all."""
        return self._interruption.asked

    def _upload(self, folder: Path) -> None:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            self._run.upload(path)
