"""How runs and intervals are written in `verdicts.json`: every figure beside the artifact that it is from."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.statistics.intervals import Interval
from assay.statistics.levels import LevelVerdict
from assay.statistics.verdicts import Verdict
from assay_pipelines.compare.scores import Run


def interval_of(interval: Interval | None) -> dict[str, float] | None:
    """Write an interval, or that there is none."""
    return None if interval is None else {"low": interval.low, "high": interval.high, "level": interval.level}


def level_of(verdict: LevelVerdict | Verdict) -> dict[str, Any]:
    """Write what a verdict about a figure against zero has in common with one about two arms."""
    return {
        "word": verdict.word.value,
        "reading": verdict.reading,
        "effect": verdict.effect,
        "interval": interval_of(verdict.interval),
        "df": verdict.df,
        "p": verdict.p,
        "adjustedP": verdict.adjusted_p,
        "margin": verdict.margin,
        "equivalenceP": verdict.equivalence_p,
        "adjustedEquivalenceP": verdict.adjusted_equivalence_p,
    }


def verdict_of(verdict: Verdict) -> dict[str, Any]:
    """Write a verdict about two arms, without what it is about."""
    return level_of(verdict) | {"exploratory": verdict.exploratory, "detectable": verdict.detectable}


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


def told(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Write what was compared, in an order that does not depend on that of the runs."""
    return [
        {
            "arm": run.arm,
            "coordinates": dict(run.coordinates),
            "replicate": dict(run.replicate),
            "from": run.ref,
            "lineage": dict(run.lineage),
        }
        for run in sorted(runs, key=place_of)
    ]


def place_of(run: Run) -> tuple[Any, ...]:
    """Return where a run stands among others, whatever order they came in."""
    return run.arm, sorted(run.coordinates.items()), in_order(run.replicate), run.ref


def in_order(replicate: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Order replicates as people count: seed 2 before seed 10."""
    return sorted((axis, int(value) if value.isdigit() else -1, value) for axis, value in replicate.items())
