"""What an evaluation leaves behind: one outcome per task, checkpoint and item, and the scores that follow from them.

A task's score is always `sum(outcome) / sum(weight)`: shares and accuracies have weight 1, bits per byte has the bits of
a document as outcome and its bytes as weight. No time is kept, so that the same model gives the same bytes: how fast it went
is in the record's provenance.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.artifacts.canonical import canonical_json
from assay.errors import StageError

_SCHEMA = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("checkpoint", pa.string(), nullable=False),
        pa.field("doc_id", pa.string(), nullable=False),
        pa.field("doc_hash", pa.string(), nullable=False),
        pa.field("prompt_hash", pa.string(), nullable=False),
        pa.field("target_hash", pa.string(), nullable=False),
        pa.field("prediction", pa.string(), nullable=False),
        pa.field("outcome", pa.float64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One item of one task, answered by one checkpoint.

    The hashes let two outcomes be paired only if the same was asked: `doc` is the item as the benchmark has it, `prompt`
    what the model was shown (with few-shot examples), `target` the right answer.
    """

    doc_id: str
    doc_hash: str
    prompt_hash: str
    target_hash: str
    prediction: str
    outcome: float
    weight: float = 1.0
    tokens: int = (
        0  # that the measured model read and wrote for it, what several items share counted for each
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One task's outcomes for one checkpoint, and what a reader of the score must know."""

    task: str
    checkpoint: str
    outcomes: tuple[Outcome, ...]
    unit: str
    higher_is_better: bool | None  # None: neither direction is good in itself
    chance: float | None = None  # the score of guessing
    truncated: int = 0  # items whose prompt the task's own rule cut to the model's context
    beside: Mapping[str, Any] = field(default_factory=dict)  # more figures that tell of the same outcomes
    near_ties: tuple[
        str, ...
    ] = ()  # items of which another batch or machine may find another choice likeliest

    @property
    def score(self) -> float:
        """Sum of outcomes over sum of weights."""
        return math.fsum(one.outcome for one in self.outcomes) / math.fsum(
            one.weight for one in self.outcomes
        )


def hashed(value: Any) -> str:
    """Digest a JSON-like value as lower-case hexadecimal SHA-256."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def write_outcomes(path: Path, measured: Sequence[Measured]) -> None:
    """Write all outcomes, sorted by task, checkpoint and item: the same outcomes give the same bytes.

    Raises:
        StageError: `ModelNotFinite`: an outcome is no number.

    """
    rows: list[dict[str, Any]] = [
        {"task": one.task, "checkpoint": one.checkpoint} | vars(outcome)
        for one in measured
        for outcome in one.outcomes
    ]
    for row in rows:
        if not math.isfinite(row["outcome"]):
            raise StageError(
                "ModelNotFinite",
                f"task {row['task']}, model {row['checkpoint']}, item {row['doc_id']}",
                f"found {row['outcome']}, expected a finite number",
                "Look at the training's loss; its weights are not usable.",
            )
    rows.sort(key=lambda row: (row["task"], row["checkpoint"], row["doc_id"]))
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path, compression="zstd")


def summary(measured: Sequence[Measured]) -> dict[str, Any]:
    """Return the record's figures: task → checkpoint → score and how to read it."""
    tasks: dict[str, dict[str, Any]] = {}
    for one in measured:
        figures: dict[str, Any] = {
            "score": one.score,
            "n": len(one.outcomes),
            "chance": one.chance,
            "higherIsBetter": one.higher_is_better,
            "unit": one.unit,
            **one.beside,
        }
        if one.truncated:
            figures["truncated"] = one.truncated
        if one.near_ties:
            figures["nearTies"] = list(one.near_ties)
        tasks.setdefault(one.task, {})[one.checkpoint] = figures
    return {"tasks": tasks}
