"""How runs and intervals are written in `verdicts.json`: every figure beside the artifact that it is from."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.statistics.intervals import Interval
from assay_pipelines.compare.scores import Run


def interval_of(interval: Interval | None) -> dict[str, float] | None:
    """Write an interval, or that there is none."""
    return None if interval is None else {"low": interval.low, "high": interval.high, "level": interval.level}


def runs_of(runs: Sequence[Run], scores: Sequence[float]) -> list[dict[str, Any]]:
    """Write the runs behind a mean, each with its score."""
    return [
        {
            "replicate": dict(run.replicate),
            "score": score,
            "from": run.ref,
            "lineage": dict(run.lineage),
        }
        for run, score in zip(runs, scores, strict=True)
    ]


def in_order(replicate: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Order replicates as people count: seed 2 before seed 10."""
    return sorted((axis, int(value) if value.isdigit() else -1, value) for axis, value in replicate.items())
