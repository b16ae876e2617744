"""One attempt's work at an evaluation, batch by batch: what was finished is kept in the store, and taken up by the next attempt.

A batch is known by all that its results depend on: the stage, the program and its libraries, and what is in it. So it is taken
up as it was, or done as it would have been, and the outputs are the same bytes.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from assay.artifacts.canonical import canonical_json
from assay.artifacts.layout import resume_key
from assay.errors import Retry, StageError, StoreError
from assay.stores.resume import get_sealed, put_sealed
from assay_pipelines.devices import ended_memory
from assay_pipelines.inference import answering
from assay_pipelines.programs import program_digest
from assay_pipelines.stage import StageRun

_KEPT_EVERY = 20.0  # seconds: with the batch under way, what a kill costs

Row = TypeVar("Row")
Result = TypeVar("Result")


class Work:
    """Batches of an attempt; results are what JSON can hold."""

    def __init__(self, run: StageRun, *, kept_every: float = _KEPT_EVERY) -> None:
        self.rows = answering(run).batch  # fewer once memory gave way
        self._run, self._kept_every = run, kept_every
        self._folder = resume_key(run.stage.ref, program_digest())
        self._finished = self._read()
        self._new: dict[str, list[Any]] = {}
        self._files = 0
        self._kept_at = time.monotonic()
        self._doing, self._measure, self._measures = "", 0, 0
        self._taken_up, self._done, self._halved, self._seconds = 0, 0, 0, 0.0

    def begin(self, doing: str, measure: int, measures: int) -> None:
        """Say which of all measures the batches to come belong to."""
        self._doing, self._measure, self._measures = doing, measure, measures
        self._tell()

    def done(
        self, what: Any, rows: Sequence[Row], make: Callable[[Sequence[Row]], list[Result]]
    ) -> list[Result]:
        """Return what `make` makes of a batch's rows, one result of each, or what an earlier attempt kept of it.

        `what` is all that the results depend on beside the stage and the program, JSON-like.

        Where memory does not hold so many rows, half of them are tried, and no more from then on.

        Raises:
            StageError: `OutOfMemory`: it does not hold one.

        """
        key = hashlib.sha256(canonical_json(what)).hexdigest()
        if key in self._finished:
            self._taken_up += len(rows)
            return self._finished[key]
        began = time.monotonic()
        results: list[Result] = []
        while len(results) < len(rows):
            part = rows[len(results) : len(results) + self.rows]
            made = _unless_memory_ends(make, part)
            if made is None:
                self._halve(len(part))
            else:
                results += made
        self._seconds += time.monotonic() - began
        self._done += len(rows)
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
        self._run.progress(
            self._doing,
            done=self._measure,
            total=self._measures,
            unit="measures",
            rows=self._done + self._taken_up,
            rowsAtOnce=self.rows,
        )

    def _read(self) -> dict[str, list[Any]]:
        """Read what earlier attempts kept; a store that does not answer costs this one their work, no more."""
        finished: dict[str, list[Any]] = {}
        try:
            for info in self._run.store.keys(f"{self._folder}/"):
                kept = get_sealed(self._run.store, info.key)
                finished |= {} if kept is None else json.loads(kept)
        except StoreError as error:
            print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log
        return finished

    def _keep(self) -> None:
        key = f"{self._folder}/{self._run.attempt.number}-{self._files}.json"
        try:
            put_sealed(self._run.store, key, json.dumps(self._new).encode())
        except StoreError as error:  # they are tried again with the next
            print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log
        else:
            self._files += 1
            self._new = {}
        self._kept_at = time.monotonic()


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
