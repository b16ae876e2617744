"""Which rows at which step, at which learning rate, and when a model is kept. Pure; the same on every process.

- The order of an epoch is by a hash of seed, epoch and row id: it depends on no library and no process, and rows that two
  data sets share come in the same relative order in both, so arms differ by their data and not by their shuffling.
- An epoch of N rows has ceil(N/B) steps; its last batch may be smaller, and counts as it is (the loss is a mean over its own
  tokens). A whole run has `epochs` times as many, rounded half up to whole steps and at least one, or exactly as many as
  another stage took (`stepsOf`, which wins over `epochs`), going on into further epochs as needed.
- Warm-up takes round(ratio × steps) steps, rising linearly and reaching the peak at its last; then the rate stays, or falls
  to where the step after the last would have zero.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assay.api.train import Checkpoints, Schedule, Train
from assay.artifacts.outputs import FINAL
from assay.errors import StageError
from assay_pipelines.models import checkpoint_label

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Keep:
    """A model to be kept after a step."""

    label: str
    step: int  # steps done


@dataclass(frozen=True)
class Timetable:
    """The whole course of a training."""

    ids: tuple[str, ...]
    batch: int
    steps: int
    seed: int
    lr: float
    schedule: Schedule
    keeps: tuple[Keep, ...]

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass."""
        return steps_per_epoch(len(self.ids), self.batch)

    @property
    def epochs(self) -> float:
        """Passes over the data, all told."""
        return self.rows_done(self.steps) / len(self.ids)

    def rows_at(self, step: int) -> Rows:
        """Indices of the rows of step `step`, from 0."""
        epoch, within = divmod(step, self.steps_per_epoch)
        order = order_of_epoch(self.ids, self.seed, epoch)
        return order[within * self.batch : (within + 1) * self.batch]

    def rows_done(self, steps: int) -> int:
        """Rows seen after so many steps."""
        return rows_done(steps, len(self.ids), self.batch)

    def lr_at(self, step: int) -> float:
        """Learning rate of step `step`, from 0."""
        return self.lr * rate_at(step, self.steps, self.schedule)


def make_timetable(train: Train, ids: tuple[str, ...], steps: int | None) -> Timetable:
    """Plan a training of rows `ids`, of exactly `steps` steps if given.

    Raises:
        StageError: `CheckpointUnreachable`.

    """
    per_epoch = steps_per_epoch(len(ids), train.batch_size)
    passes = (train.epochs or 1) if steps is None else steps / per_epoch
    total = max(1, half_up(passes * per_epoch))
    return Timetable(
        ids=ids,
        batch=train.batch_size,
        steps=total,
        seed=train.seed,
        lr=train.optimizer.lr,
        schedule=train.schedule,
        keeps=_keeps(train.checkpoints, rows=len(ids), batch=train.batch_size, steps=total, passes=passes),
    )


def steps_per_epoch(rows: int, batch: int) -> int:
    """Steps of one pass; the last may be smaller."""
    return -(-rows // batch)


def rows_done(steps: int, rows: int, batch: int) -> int:
    """Rows seen after so many steps."""
    epochs, within = divmod(steps, steps_per_epoch(rows, batch))
    return epochs * rows + within * batch


def half_up(value: float) -> int:
    """Round to a whole number, halves up (Python's own rounding goes to even)."""
    return math.floor(value + 0.5)


@lru_cache(maxsize=2)
def order_of_epoch(ids: tuple[str, ...], seed: int, epoch: int) -> Rows:
    """Order the rows of one epoch by hash."""
    prefix = hashlib.sha256(f"assay.order/1 {seed} {epoch} ".encode())

    def place(index: int) -> bytes:
        state = prefix.copy()
        state.update(ids[index].encode())
        return state.digest()

    return np.array(sorted(range(len(ids)), key=place), dtype=np.int64)


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


def _keeps(
    checkpoints: Checkpoints | None, *, rows: int, batch: int, steps: int, passes: float
) -> tuple[Keep, ...]:
    keeps: list[Keep] = []
    if checkpoints is not None and checkpoints.every_epochs is not None:
        per_epoch, share = steps_per_epoch(rows, batch), checkpoints.every_epochs
        count = math.floor(passes / share + 1e-9)
        keeps = [
            Keep(label=checkpoint_label("epoch", number * share), step=half_up(number * share * per_epoch))
            for number in range(1, count + 1)
        ]
    elif checkpoints is not None and checkpoints.rows is not None:
        after = {rows_done(step, rows, batch): step for step in range(1, steps + 1)}
        keeps = [
            Keep(label=checkpoint_label("rows", wanted), step=_reached(after, wanted, batch))
            for wanted in checkpoints.rows
        ]
    elif checkpoints is not None and checkpoints.slices is not None:
        keeps = [
            Keep(label=checkpoint_label("slice", number), step=half_up(number * steps / checkpoints.slices))
            for number in range(1, checkpoints.slices + 1)
        ]
    kept = [Keep(label=keep.label, step=min(max(keep.step, 1), steps)) for keep in keeps]
    return (*sorted(kept, key=lambda keep: keep.step), Keep(label=FINAL, step=steps))


def _reached(after: dict[int, int], wanted: int, batch: int) -> int:
    if wanted % batch or wanted not in after:
        raise StageError(
            "CheckpointUnreachable",
            "spec.checkpoints.rows",
            f"found {wanted}, expected a multiple of batchSize ({batch}) that ends a step of the run (at most {max(after)} rows)",
            "Change checkpoints.rows, batchSize or epochs.",
        )
    return after[wanted]
