"""One attempt's work at an evaluation, batch by batch: what was finished is kept in the store, and taken up by the next attempt.

A batch is known by all that its results depend on: the stage, the program and its libraries, the device, the
engine, and what is in it. So it is taken up as it was, or done as it would have been, and the outputs are the same bytes.

So may several pods carry out an attempt together: each works on its share of every measure's batches and keeps them. The first pod takes
up what the others kept, and writes the outputs. It waits for nobody: what is not there yet it does itself.
"""

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from assay.api.execution import EvaluateExecution
from assay.artifacts.canonical import canonical_json
from assay.artifacts.layout import record_key, resume_key
from assay.errors import Retry, StageError, StoreError
from assay.stores.claims import read_failure
from assay.stores.resume import drop_resume, get_sealed, put_sealed
from assay_pipelines.devices import device_class, device_here, ended_memory
from assay_pipelines.evaluate.dealing import Size, deal, pods_of
from assay_pipelines.programs import program_digest
from assay_pipelines.stage import StageRun

_KEPT_EVERY = 20.0  # seconds: with the batch under way, what a kill costs

Row = TypeVar("Row")
Result = TypeVar("Result")


class NotNeeded(BaseException):
    """The stage is done, or failed for good: a pod that helps may end."""


class _Elsewhere(BaseException):
    """The rest of a measure is other pods' work: one that helps goes on to the next."""


@dataclass(frozen=True, kw_only=True)
class Batch(Generic[Row, Result]):
    """Rows that are worked on together."""

    what: Any  # all that the results depend on beside the stage, the program, the device and the engine, JSON-like
    rows: Sequence[Row]
    make: Callable[[Sequence[Row]], list[Result]]  # one result of each row, which JSON can hold
    size: Size


class Work:
    """Batches of an attempt, and of them those of this pod."""

    def __init__(self, run: StageRun, *, kept_every: float = _KEPT_EVERY) -> None:
        execution = EvaluateExecution.model_validate(run.execution)
        self.batch = execution.batch  # rows of a batch, however many memory holds: all plan the same ones
        self.rows = execution.batch  # at once; fewer once memory gave way
        self._run, self._kept_every = run, kept_every
        self._pods = pods_of(execution, os.environ)
        setting = device_class(device_here()) | {"engine": execution.engine}
        settled = hashlib.sha256(canonical_json(setting)).hexdigest()[:16]
        self._folder = resume_key(run.stage.ref, f"{program_digest()}/{settled}")
        self._finished: dict[str, list[Any]] = {}
        self._seen: set[str] = set()  # keys of what was read, or kept by this very process
        self._new: dict[str, list[Any]] = {}
        self._kept_at = time.monotonic()
        self._doing, self._measure, self._measures = "", 0, 0
        self._taken_up, self._done, self._halved, self._seconds = 0, 0, 0, 0.0
        self._take_up()
        self._look()

    @contextlib.contextmanager
    def measure(self, doing: str, measure: int, measures: int) -> Iterator[None]:
        """Say which of all measures the batches are for; what is within ends with its own batches in a pod that helps."""
        self._doing, self._measure, self._measures = doing, measure, measures
        self._tell()
        with contextlib.suppress(_Elsewhere):
            yield

    def all(self, batches: Sequence[Batch[Row, Result]]) -> list[list[Result]]:
        """Return what every batch's `make` makes of its rows, or what an earlier attempt or another pod kept of it.

        Where memory does not hold so many rows, half of them are tried, and no more from then on. A pod that helps works on
        its share, and does not come back.

        Raises:
            StageError: `OutOfMemory`: it does not hold one.

        """
        keys = [hashlib.sha256(canonical_json(batch.what)).hexdigest() for batch in batches]
        dealt = deal([batch.size for batch in batches], pods=self._pods.count, first=self._measure)
        mine = [place for place, pod in enumerate(dealt) if pod == self._pods.index]
        found = {place: self._results(keys[place], batches[place]) for place in mine}
        if self._pods.count > 1:
            self._keep()
        if not self._pods.lead:
            raise _Elsewhere
        for place in reversed(range(len(batches))):  # others begin at the other end
            if place not in found:
                if keys[place] not in self._finished:
                    self._take_up()
                found[place] = self._results(keys[place], batches[place])
        return [found[place] for place in range(len(batches))]

    def _results(self, key: str, batch: Batch[Row, Result]) -> list[Result]:
        if key in self._finished:
            self._taken_up += len(batch.rows)
            return self._finished[key]
        began = time.monotonic()
        results: list[Result] = []
        while len(results) < len(batch.rows):
            part = batch.rows[len(results) : len(results) + self.rows]
            made = _unless_memory_ends(batch.make, part)
            if made is None:
                self._halve(len(part))
            else:
                results += made
        self._seconds += time.monotonic() - began
        self._done += len(batch.rows)
        self._new[key] = results
        if time.monotonic() - self._kept_at >= self._kept_every:
            self._keep()
            self._tell()
        return results

    def figures(self) -> dict[str, float]:
        """Return how it went, for the record's provenance."""
        return {
            "rows": self._done,
            "rowsTakenUp": self._taken_up,
            "rowsPerSecond": self._done / self._seconds if self._seconds else 0.0,
            "batchHalved": self._halved,
        }

    def _halve(self, rows: int) -> None:
        if rows == 1:
            raise StageError(
                "OutOfMemory",
                self._doing,
                "found too little memory for one row, expected enough for a batch",
                "Give evaluations more memory (execution.evaluate.memoryGib), or ask something shorter.",
                retry=Retry.LATER,
            )
        self.rows = rows // 2
        self._halved += 1
        print(f"memory did not hold {rows} rows at once: {self.rows} from now on", file=sys.stderr)  # noqa: T201 -- the attempt's log
        self._tell()

    def _tell(self) -> None:
        if not self._pods.lead:
            return
        self._run.progress(
            self._doing,
            done=self._measure,
            total=self._measures,
            unit="measures",
            rows=self._done + self._taken_up,
            rowsAtOnce=self.rows,
        )

    def _take_up(self) -> None:
        """Read what earlier attempts and other pods kept; a store that does not answer costs this one their work, no more."""
        try:
            for info in self._run.store.keys(f"{self._folder}/"):
                if info.key not in self._seen:
                    kept = get_sealed(self._run.store, info.key)
                    self._finished |= {} if kept is None else json.loads(kept)
                    self._seen.add(info.key)
        except StoreError as error:
            print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log

    def _keep(self) -> None:
        """Keep what is new; among several pods, see what the others kept, and whether one that helps is still needed."""
        self._kept_at = time.monotonic()
        if self._new:
            data = json.dumps(self._new).encode()
            key = f"{self._folder}/{hashlib.sha256(data).hexdigest()[:32]}.json"
            try:
                put_sealed(self._run.store, key, data)
            except StoreError as error:  # they are tried again with the next
                print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log
            else:
                self._seen.add(key)
                self._new = {}
        if self._pods.count > 1:
            self._take_up()
            self._look()

    def _look(self) -> None:
        """End a pod that helps once the stage is done or failed for good, and leave nothing of what it kept since."""
        run = self._run
        if self._pods.lead:
            return
        try:
            failure = read_failure(run.store, run.stage.ref, run.attempt.number)
            if run.store.info(record_key(run.stage.ref)) is not None:
                drop_resume(run.store, run.stage.ref)
            elif failure is None or failure.retry is not Retry.NEVER:
                return
        except StoreError as error:
            print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log
            return
        raise NotNeeded


def _unless_memory_ends(
    make: Callable[[Sequence[Row]], list[Result]], rows: Sequence[Row]
) -> list[Result] | None:
    """Make results, or None where memory does not hold the rows; what the attempt took is free again."""
    try:
        return make(rows)
    except RuntimeError as error:
        if not ended_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
