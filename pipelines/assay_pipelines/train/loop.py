"""The loop: the same steps, in the same order, whatever the micro-batch and the number of processes.

A step's loss is the mean over the learned tokens of its whole global batch. Within a batch, rows of like length go together,
so that little is padding; which rows a batch holds, and hence its gradient, does not depend on it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from assay.errors import StageError
from assay_pipelines.train.engine import Engine, Place
from assay_pipelines.train.examples import Examples
from assay_pipelines.train.timetable import Keep, Rows, Timetable

_EVERY_SECONDS = 1.0  # between signs of progress

Report = Callable[..., None]
Save = Callable[[Keep], None]


@dataclass
class Course:
    """How the training went, step by step."""

    losses: list[float] = field(default_factory=list)  # mean over the learned tokens of the batch
    rates: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)  # before clipping
    tokens: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)

    def loss_of(self, begin: int, end: int) -> float:
        """Mean loss per learned token over steps `begin` to `end`."""
        weights = np.array(self.targets[begin:end], dtype=np.float64)
        return float(np.dot(weights, np.array(self.losses[begin:end])) / weights.sum())


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One process's part in a training."""

    engine: Engine
    examples: Examples
    timetable: Timetable
    place: Place
    micro_batch: int

    def step(self, step: int) -> tuple[float, float]:
        """Take one step; return the mean loss of its global batch and the gradient's norm."""
        rows = self.timetable.rows_at(step)
        share = 1 / int(self.examples.targets[rows].sum())
        rounds = rounds_of(rows, self.examples.lengths, micro_batch=self.micro_batch, world=self.place.world)
        loss = torch.zeros((), dtype=torch.float64)
        for number, parts in enumerate(rounds, start=1):
            tokens, learned = collate(self.examples, parts[self.place.rank], self.place.device)
            loss += self.engine.learn(tokens, learned, share=share, last=number == len(rounds)).cpu()
        return self.engine.total(loss.to(self.place.device)), self.engine.step(self.timetable.lr_at(step))


def learn(loop: Loop, *, report: Report, save: Save) -> Course:
    """Carry out a timetable.

    Raises:
        StageError: `NaNLoss`.

    """
    examples, timetable = loop.examples, loop.timetable
    course, keeps = Course(), list(timetable.keeps)
    spoke, spoke_at_step = time.monotonic(), 0
    for step in range(timetable.steps):
        rows = timetable.rows_at(step)
        mean, norm = loop.step(step)
        if not (np.isfinite(mean) and np.isfinite(norm)):
            raise _not_a_number(step, mean, norm)
        course.losses.append(mean)
        course.rates.append(timetable.lr_at(step))
        course.norms.append(norm)
        course.tokens.append(int(examples.lengths[rows].sum()))
        course.targets.append(int(examples.targets[rows].sum()))
        while keeps and keeps[0].step == step + 1:
            save(keeps.pop(0))
        now = time.monotonic()
        if loop.place.leads and (step == 0 or now - spoke >= _EVERY_SECONDS):
            seconds, seen = max(now - spoke, 1e-9), sum(course.tokens[spoke_at_step:])
            report(
                "training",
                done=step + 1,
                total=timetable.steps,
                unit="steps",
                rate=(step + 1 - spoke_at_step) / seconds,
                loss=mean,
                tokens_per_second=seen / seconds,
            )
            spoke, spoke_at_step = now, step + 1
    return course


def rounds_of(rows: Rows, lengths: Any, *, micro_batch: int, world: int) -> list[list[Rows]]:
    """Deal a global batch out: round by round, one micro-batch (perhaps empty) for each process."""
    size = min(micro_batch, -(-len(rows) // world))
    by_length = rows[np.argsort(-lengths[rows], kind="stable")]
    parts = [by_length[begin : begin + size] for begin in range(0, len(rows), size)]
    parts += [rows[:0]] * (-len(parts) % world)
    return [parts[begin : begin + world] for begin in range(0, len(parts), world)]


def collate(examples: Examples, rows: Rows, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Lay examples out side by side, padded at the end. Of no rows comes a batch that teaches nothing."""
    width = int(examples.lengths[rows].max()) if len(rows) else 2
    tokens = np.zeros((max(len(rows), 1), width), dtype=np.int64)
    learned = np.zeros((max(len(rows), 1), width), dtype=np.bool_)
    for line, row in enumerate(rows):
        begin, end = examples.offsets[row], examples.offsets[row + 1]
        tokens[line, : end - begin] = examples.tokens[begin:end]
        learned[line, : end - begin] = examples.learned[begin:end]
    return torch.from_numpy(tokens).to(device), torch.from_numpy(learned).to(device)


def _not_a_number(step: int, loss: float, norm: float) -> StageError:
    return StageError(
        "NaNLoss",
        f"step {step + 1}",
        f"found loss {loss} and gradient norm {norm}, expected finite numbers",
        "Lower the learning rate, add warm-up, or look at the data.",
    )
