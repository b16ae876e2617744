"""From paired scores to `verdicts.json`: what can be said about data, and what about two models. No input or output.

`verdicts` speak about the arms' data and need at least three runs of each. `models` speak about two models, one pair of
runs at a time, and about no others. `missing` says what was asked and could not be answered, and why: it keeps its place
in the family, so that a failed run cannot make the rest look surer. Arms that differ along a factor (a model size, say)
are compared within each of its values, a family for each.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.api.compare import Comparison, Contrast
from assay.statistics import verdicts as statistics
from assay.statistics.intervals import Interval
from assay.statistics.models import ModelDifference, item_bootstrap, mcnemar
from assay.statistics.verdicts import Verdict, family_verdicts
from assay_pipelines.compare.scores import Paired, Run, Unpaired, arm_of, paired

_FAILED = "its stage failed"


@dataclass(frozen=True, kw_only=True)
class _Question:
    """One contrast on one task at one point of the factors."""

    contrast: Contrast
    task: str
    coordinates: Mapping[str, str]
    a: tuple[Run, ...]
    b: tuple[Run, ...]

    @property
    def name(self) -> str:
        return f"{self.contrast.name}/{self.task}"


def judge(
    comparison: Comparison, runs: Sequence[Run], missing: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Answer every question of a comparison; the same runs give the same document, whatever their order."""
    runs = sorted(runs, key=lambda run: (run.arm, sorted(run.coordinates.items()), _order(run), run.ref))
    document: dict[str, Any] = {
        "comparison": comparison.model_dump(mode="json", by_alias=True, exclude_none=True),
        "arms": [_told(run) for run in runs],
        "verdicts": [],
        "models": [],
        "missing": [dict(one) | {"reason": _FAILED} for one in missing],
    }
    for questions in _families(comparison, runs, missing):
        answered, unanswered = _paired(questions)
        document["verdicts"] += _verdicts(comparison, answered, unanswered)
        document["models"] += [model for question, pair in answered for model in _models(question, pair)]
        document["missing"] += [
            {
                "contrast": question.contrast.name,
                "task": question.task,
                "coordinates": dict(question.coordinates),
                "reason": reason,
            }
            for question, reason in unanswered
        ]
    return document


def _families(
    comparison: Comparison, runs: Sequence[Run], missing: Sequence[Mapping[str, Any]]
) -> Iterator[list[_Question]]:
    """Yield the questions, family by family: contrasts as declared, tasks by name."""
    tasks = sorted({task for run in runs for task in run.scores})
    if comparison.primary is not None and comparison.primary.task not in tasks:
        tasks.append(comparison.primary.task)
    families: dict[tuple[tuple[str, str], ...], list[_Question]] = {}
    for contrast in comparison.contrasts or ():
        points_a, points_b = _points(contrast.a, runs, missing), _points(contrast.b, runs, missing)
        for at_a, of_a in points_a.items():
            for at_b, of_b in points_b.items():
                coordinates = dict(at_b) | dict(at_a)
                if any(coordinates[axis] != value for axis, value in at_b):
                    continue
                families.setdefault(tuple(sorted(coordinates.items())), []).extend(
                    _Question(contrast=contrast, task=task, coordinates=coordinates, a=of_a, b=of_b)
                    for task in tasks
                )
    yield from (families[point] for point in sorted(families))


def _points(
    arm: str, runs: Sequence[Run], missing: Sequence[Mapping[str, Any]]
) -> dict[tuple[tuple[str, str], ...], tuple[Run, ...]]:
    """Group an arm's runs by their coordinates; where all failed is a group of none, as is an arm without any."""
    points: dict[tuple[tuple[str, str], ...], tuple[Run, ...]] = {}
    for run in runs:
        if run.arm == arm:
            point = tuple(sorted(run.coordinates.items()))
            points[point] = (*points.get(point, ()), run)
    for one in missing:
        if one["arm"] == arm:
            points.setdefault(tuple(sorted(one["coordinates"].items())), ())
    return points or {(): ()}


def _paired(
    questions: Sequence[_Question],
) -> tuple[list[tuple[_Question, Paired]], list[tuple[_Question, str]]]:
    answered, unanswered = [], []
    for question in questions:
        empty = [
            arm
            for arm, runs in ((question.contrast.a, question.a), (question.contrast.b, question.b))
            if not runs
        ]
        if empty:
            unanswered.append((question, f"no run of {' and '.join(empty)} has finished"))
            continue
        try:
            answered.append((question, paired(question.task, question.a, question.b)))
        except Unpaired as reason:
            unanswered.append((question, str(reason)))
    return answered, unanswered


def _verdicts(
    comparison: Comparison,
    answered: Sequence[tuple[_Question, Paired]],
    unanswered: Sequence[tuple[_Question, str]],
) -> list[dict[str, Any]]:
    primary = (
        None if comparison.primary is None else f"{comparison.primary.contrast}/{comparison.primary.task}"
    )
    margins = {margin.name: margin.margin for margin in comparison.margins}
    posed = [
        statistics.Comparison(
            name=question.name,
            a=arm_of(question.contrast.a, pair.a),
            b=arm_of(question.contrast.b, pair.b),
            margin=margins.get(question.task, comparison.margin),
            chance=pair.like.chance,
            higher_is_better=pair.like.higher_is_better,
        )
        for question, pair in answered
    ]
    absent = [question.name for question, _ in unanswered]
    if comparison.family == "none":
        judged = [statistics.verdict(one, alpha=comparison.alpha) for one in posed]
    else:
        known = {one.name for one in posed} | set(absent)
        judged = list(
            family_verdicts(
                posed,
                primary=primary if primary in known else None,
                absent=absent,
                alpha=comparison.alpha,
            )
        )
    return [
        _verdict(question, pair, verdict, primary=question.name == primary)
        for (question, pair), verdict in zip(answered, judged, strict=True)
    ]


def _verdict(question: _Question, pair: Paired, verdict: Verdict, *, primary: bool) -> dict[str, Any]:
    return {
        "contrast": question.contrast.name,
        "task": question.task,
        "coordinates": dict(question.coordinates),
        "primary": primary,
        "word": verdict.word.value,
        "reading": verdict.reading,
        "exploratory": verdict.exploratory,
        "unit": pair.like.unit,
        "higherIsBetter": pair.like.higher_is_better,
        "chance": pair.like.chance,
        "n": len(pair.items),
        "leftOut": pair.left_out,
        "a": _side(question.contrast.a, question.a, verdict.mean_a, pair.a.mean(axis=1).tolist()),
        "b": _side(question.contrast.b, question.b, verdict.mean_b, pair.b.mean(axis=1).tolist()),
        "effect": verdict.effect,
        "interval": _interval(verdict.interval),
        "df": verdict.df,
        "p": verdict.p,
        "adjustedP": verdict.adjusted_p,
        "margin": verdict.margin,
        "equivalenceP": verdict.equivalence_p,
        "adjustedEquivalenceP": verdict.adjusted_equivalence_p,
    }


def _side(arm: str, runs: Sequence[Run], mean: float, scores: Sequence[float]) -> dict[str, Any]:
    """One arm of a verdict: every figure with the artifact that it is from."""
    return {
        "arm": arm,
        "mean": mean,
        "runs": [
            {
                "replicate": dict(run.replicate),
                "score": score,
                "from": run.ref,
                "lineage": dict(run.lineage),
            }
            for run, score in zip(runs, scores, strict=True)
        ],
    }


def _models(question: _Question, pair: Paired) -> Iterator[dict[str, Any]]:
    """Compare models two by two: runs at the same replicate coordinates, or else the first of each arm."""
    same = [
        (row_a, row_b)
        for row_a, run_a in enumerate(question.a)
        for row_b, run_b in enumerate(question.b)
        if dict(run_a.replicate) == dict(run_b.replicate)
    ]
    for row_a, row_b in same or [(0, 0)]:
        run_a, run_b = question.a[row_a], question.b[row_b]
        found = _difference(pair, row_a, row_b, seed=f"{question.name}/{run_a.ref}/{run_b.ref}")
        yield {
            "contrast": question.contrast.name,
            "task": question.task,
            "coordinates": dict(question.coordinates),
            "unit": pair.like.unit,
            "a": {
                "arm": run_a.arm,
                "replicate": dict(run_a.replicate),
                "score": float(pair.a[row_a].mean()),
                "from": run_a.ref,
            },
            "b": {
                "arm": run_b.arm,
                "replicate": dict(run_b.replicate),
                "score": float(pair.b[row_b].mean()),
                "from": run_b.ref,
            },
            "n": found.n,
            "onlyA": found.only_a,
            "onlyB": found.only_b,
            "effect": found.effect,
            "interval": _interval(found.interval),
            "p": found.p,
            "method": found.method,
        }


def _difference(pair: Paired, row_a: int, row_b: int, *, seed: str) -> ModelDifference:
    if pair.binary:
        return mcnemar(pair.a[row_a], pair.b[row_b])
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8]))
    return item_bootstrap(pair.a[row_a], pair.b[row_b], rng=rng)


def _told(run: Run) -> dict[str, Any]:
    return {
        "arm": run.arm,
        "coordinates": dict(run.coordinates),
        "replicate": dict(run.replicate),
        "from": run.ref,
        "lineage": dict(run.lineage),
    }


def _interval(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"low": interval.low, "high": interval.high, "level": interval.level}


def _order(run: Run) -> list[tuple[str, int, str]]:
    """Order replicates as people count: seed 2 before seed 10."""
    return sorted(
        (axis, int(value) if value.isdigit() else -1, value) for axis, value in run.replicate.items()
    )
