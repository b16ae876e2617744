"""The loop: the same steps, in the same order, whatever the micro-batch and the number of processes.

A step's loss is the mean over the learned tokens of its whole global batch, or over its pairs. Within a batch, rows of like length go together,
so that little is padding; which rows a batch holds, and hence its gradient, does not depend on it.
"""

import faulthandler
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from assay.artifacts.documents import INTERRUPTED
from assay.errors import Retry, StageError
from assay_pipelines.train.course import COMPARED, Course
from assay_pipelines.train.engine import PATIENCE, Engine, Place
from assay_pipelines.train.examples import Examples
from assay_pipelines.train.housekeeping import Housekeeping
from assay_pipelines.train.layout import lay_out, places_of
from assay_pipelines.train.passes import Rows
from assay_pipelines.train.timetable import Timetable

_EVERY_SECONDS = 1.0  # between signs of progress


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What one step was."""

    loss: float  # mean over what the batch counts: learned tokens, or pairs
    comparison: list[float]  # of pairs: mean margin, and share of those above 0
    weight: int  # what it counts
    norm: float  # of the gradient, before clipping
    tokens: int
    targets: int
    sequences: int  # of which each may hold several rows
    places: int  # for tokens, of all processes; in some of them none stood
    signs: list[bool]  # which some process gave


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One process's part in a training."""

    engine: Engine
    examples: Examples
    timetable: Timetable
    place: Place
    micro_batch: int
    reference: NDArray[np.float32] | None = None  # of each document, where answers are compared

    def step(self, step: int, *signs: bool) -> Taken:
        """Take one step, and learn which signs some process gave."""
        examples, sequences = self.examples, self.timetable.batch_at(step)
        rows = np.concatenate(sequences)
        rounds = self._rounds(sequences)
        weight = int(examples.weights[rows].sum())
        sums = torch.zeros((), dtype=torch.float64, device=self.place.device)
        for number, parts in enumerate(rounds, start=1):
            part, last = parts[self.place.rank], number == len(rounds)
            batch = lay_out(examples, part, self.place.device, reference=self.reference)
            sums = sums + self.engine.learn(batch, share=1 / weight, last=last)
        tokens = int(examples.lengths[rows].sum())
        places = sum(places_of(examples, part) for parts in rounds for part in parts)
        loss, *others = self.engine.totals(*sums, *signs)
        return Taken(
            loss=loss,
            comparison=others[: len(sums) - 1],
            weight=weight,
            norm=self.engine.step(self.timetable.lr_at(step)),
            tokens=tokens,
            targets=int(examples.targets[rows].sum()),
            sequences=len(sequences),
            places=places,
            signs=[sign > 0 for sign in others[len(sums) - 1 :]],
        )

    def _rounds(self, sequences: Sequence[Rows]) -> list[list[list[Rows]]]:
        lengths = np.array([self.examples.lengths[rows].sum() for rows in sequences])
        dealt = rounds_of(
            np.arange(len(sequences)), lengths, micro_batch=self.micro_batch, world=self.place.world
        )
        return [[[sequences[number] for number in part] for part in parts] for parts in dealt]


def learn(loop: Loop, course: Course, between: Housekeeping) -> None:
    """Carry out what is left of a timetable, and add it to the course.

    A step that takes longer than `PATIENCE` ends this process, and its log tells where it hung.

    Raises:
        StageError: `NaNLoss`; `Interrupted`: it was asked to stop, and holds a state.

    """
    timetable = loop.timetable
    keeps = [keep for keep in timetable.keeps if keep.step > course.steps]
    spoke, spoke_at_step, first = time.monotonic(), course.steps, course.steps
    for step in range(course.steps, timetable.steps):
        with _watched():
            taken = loop.step(step, loop.place.leads and between.due(), between.asked_to_stop())
        due, stop = taken.signs
        if not (np.isfinite(taken.loss) and np.isfinite(taken.norm)):
            raise _not_a_number(step, taken.loss, taken.norm)
        course.losses.append(taken.loss)
        course.comparisons.append(taken.comparison)
        course.weights.append(taken.weight)
        course.rates.append(timetable.lr_at(step))
        course.norms.append(taken.norm)
        course.tokens.append(taken.tokens)
        course.targets.append(taken.targets)
        course.sequences.append(taken.sequences)
        course.places.append(taken.places)
        while keeps and keeps[0].step == step + 1:
            between.save(keeps.pop(0))
        if (due or stop) and step + 1 < timetable.steps:
            between.hold(course)
        if stop and step + 1 < timetable.steps:
            raise _interrupted(step)
        now = time.monotonic()
        if loop.place.leads and (step == first or now - spoke >= _EVERY_SECONDS):
            seconds, seen = max(now - spoke, 1e-9), sum(course.tokens[spoke_at_step:])
            between.report(
                "training",
                done=step + 1,
                total=timetable.steps,
                unit="steps",
                rate=(step + 1 - spoke_at_step) / seconds,
                loss=taken.loss,
                lr=timetable.lr_at(step),
                gradientNorm=taken.norm,
                padding=1 - taken.tokens / taken.places,
                **dict(zip(COMPARED, taken.comparison, strict=False)),
                tokens_per_second=seen / seconds,
            )
            spoke, spoke_at_step = now, step + 1


@contextmanager
def _watched() -> Iterator[None]:
    faulthandler.dump_traceback_later(PATIENCE.total_seconds(), exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def rounds_of(rows: Rows, lengths: Any, *, micro_batch: int, world: int) -> list[list[Rows]]:
    """Deal a global batch out: round by round, one micro-batch (perhaps empty) for each process."""
    size = min(micro_batch, -(-len(rows) // world))
    by_length = rows[np.argsort(-lengths[rows], kind="stable")]
    parts = [by_length[begin : begin + size] for begin in range(0, len(rows), size)]
    parts += [rows[:0]] * (-len(parts) % world)
    return [parts[begin : begin + world] for begin in range(0, len(parts), world)]


def _not_a_number(step: int, loss: float, norm: float) -> StageError:
    return StageError(
        "NaNLoss",
        f"step {step + 1}",
        f"found loss {loss} and gradient norm {norm}, expected finite numbers",
        "Lower the learning rate, add warm-up, or look at the data.",
    )


def _interrupted(step: int) -> StageError:
    return StageError(
        INTERRUPTED,
        f"step {step + 1}",
        "found a request to stop, expected to finish",
        "Nothing needs doing: another attempt goes on from here.",
        retry=Retry.LATER,
    )
