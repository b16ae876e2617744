"""Which rows at which step, at which learning rate, and when a model is kept. Pure; the same on every process.

- Which rows an epoch has at which step is told in `passes`. By `examples`, it has ceil(N/B) of them, by the other units
  as many as its order gives. Its last batch may be smaller, and counts as it is (the loss is a mean over its own tokens). A whole
  run has `epochs` times as many, a share of an epoch counting by that epoch's own steps, rounded half up to whole steps and at
  least one, or exactly as many as another stage took (`stepsOf`, which wins over `epochs`), going on into further epochs as needed.
- A checkpoint after a number of rows: by `examples`, a step must end there; by the other units, which cannot promise that, it is
  the model after the first step by which so many rows were seen.
- Warm-up takes round(ratio × steps) steps, rising linearly and reaching the peak at its last; then the rate stays, or falls
  to where the step after the last would have zero.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.api.train import Checkpoints, Schedule, Train
from assay.artifacts.outputs import FINAL
from assay.errors import StageError
from assay_pipelines.checkpoints import checkpoint_label
from assay_pipelines.train.passes import Dealing, Passes, Rows


@dataclass(frozen=True, kw_only=True)
class Keep:
    """A model to be kept after a step."""

    label: str
    step: int  # steps done


@dataclass(frozen=True, kw_only=True)
class Timetable:
    """The whole course of a training."""

    ids: tuple[str, ...]
    passes: Passes
    steps: int
    lr: float
    schedule: Schedule
    keeps: tuple[Keep, ...]

    @property
    def last_pass(self) -> int:
        """Steps of the pass in which the training ends, as far as it went in one."""
        return min(self.steps, self.passes.steps_of(self.passes.locate(self.steps - 1)[0]))

    @property
    def epochs(self) -> float:
        """Passes over the data, all told."""
        return self.rows_done(self.steps) / len(self.ids)

    def batch_at(self, step: int) -> list[Rows]:
        """Sequences of step `step`, from 0, each the indices of the rows that share it."""
        epoch, within = self.passes.locate(step)
        return self.passes.dealt(epoch).batch(within)

    def rows_at(self, step: int) -> Rows:
        """Indices of the rows of step `step`, from 0."""
        return np.concatenate(self.batch_at(step))

    @property
    def rows_seen(self) -> Rows:
        """Indices of the rows that any step has."""
        first = range(min(self.steps, self.passes.steps_of(0)))
        return np.sort(np.concatenate([self.rows_at(step) for step in first]))

    def rows_done(self, steps: int) -> int:
        """Rows seen after so many steps."""
        return self.passes.rows_done(steps)

    def lr_at(self, step: int) -> float:
        """Learning rate of step `step`, from 0."""
        return self.lr * rate_at(step, self.steps, self.schedule)


def make_timetable(train: Train, ids: tuple[str, ...], lengths: Rows, steps: int | None) -> Timetable:
    """Plan a training of rows `ids` of so many tokens, of exactly `steps` steps if given.

    Raises:
        StageError: `CheckpointUnreachable`.

    """
    dealing = Dealing(unit=train.batch_unit, size=train.batch_size, limit=train.sequence_length)
    passes = Passes(ids, lengths, train.seed, dealing)
    through = (train.epochs or 1) if steps is None else _passes_in(passes, steps)
    total = max(1, steps_until(passes, through)) if steps is None else steps
    if train.checkpoints is not None and train.checkpoints.rows is not None:
        done = [passes.rows_done(step) for step in range(1, total + 1)]
        exact = train.batch_size if train.batch_unit == "examples" else None
        keeps = [
            Keep(label=checkpoint_label("rows", wanted), step=_reached(done, wanted, exact))
            for wanted in train.checkpoints.rows
        ]
    else:
        keeps = _keeps(train.checkpoints, passes, steps=total, through=through)
    kept = [Keep(label=keep.label, step=min(max(keep.step, 1), total)) for keep in keeps]
    return Timetable(
        ids=ids,
        passes=passes,
        steps=total,
        lr=train.optimizer.lr,
        schedule=train.schedule,
        keeps=(*sorted(kept, key=lambda keep: keep.step), Keep(label=FINAL, step=total)),
    )


def steps_until(passes: Passes, through: float) -> int:
    """Steps until so many passes are through, rounded half up."""
    epoch = max(math.ceil(through) - 1, 0)
    steps = passes.steps_of(epoch)
    return half_up(through * steps + (passes.start_of(epoch) - epoch * steps))


def half_up(value: float) -> int:
    """Round to a whole number, halves up (Python's own rounding goes to even)."""
    return math.floor(value + 0.5)


def rate_at(step: int, steps: int, schedule: Schedule) -> float:
    """Share of the peak learning rate at step `step` of `steps`, from 0."""
    warmup = half_up(schedule.warmup_ratio * steps)
    if step < warmup:
        return (step + 1) / warmup
    passed = (step - warmup) / (steps - warmup)
    if schedule.decay == "linear":
        return 1 - passed
    if schedule.decay == "cosine":
        return 0.5 * (1 + math.cos(math.pi * passed))
    return 1.0


def _passes_in(passes: Passes, steps: int) -> float:
    epoch, within = passes.locate(steps - 1)
    return epoch + (within + 1) / passes.steps_of(epoch)


def _keeps(checkpoints: Checkpoints | None, passes: Passes, *, steps: int, through: float) -> list[Keep]:
    if checkpoints is not None and checkpoints.every_epochs is not None:
        share = checkpoints.every_epochs
        return [
            Keep(label=checkpoint_label("epoch", number * share), step=steps_until(passes, number * share))
            for number in range(1, math.floor(through / share + 1e-9) + 1)
        ]
    if checkpoints is not None and checkpoints.slices is not None:
        return [
            Keep(label=checkpoint_label("slice", number), step=half_up(number * steps / checkpoints.slices))
            for number in range(1, checkpoints.slices + 1)
        ]
    return []


def _reached(done: Sequence[int], wanted: int, batch: int | None) -> int:
    """Return the step by which so many rows were seen, with a `batch` exactly so many; `done` are those after each step."""
    at = bisect_left(done, wanted)
    if at == len(done) or (batch is not None and (wanted % batch or done[at] != wanted)):
        of = f"a multiple of batchSize ({batch}) that ends a step of the run" if batch else "rows of the run"
        raise StageError(
            "CheckpointUnreachable",
            "spec.checkpoints.rows",
            f"found {wanted}, expected {of} (at most {done[-1]} rows)",
            "Change checkpoints.rows, batchSize or epochs.",
        )
    return at + 1
