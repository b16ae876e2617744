"""From paired scores to `verdicts.json`: what can be said about data, and what about two models. No input or output.

`verdicts` speak about the arms' data and need at least three runs of each. `models` speak about two models, one pair of
runs at a time, and about no others. `missing` says what was asked and could not be answered, and why: it keeps its place
in the family, so that a failed run cannot make the rest look surer. `sameRuns` says at which points both arms are the very
same runs: there is nothing to ask there, and no place in the family. Arms that differ along a factor (a model size, say)
are compared within each of its values, a family for each.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from assay.api.compare import Comparison, Contrast
from assay.statistics import verdicts as statistics
from assay.statistics.runs import ROUNDING
from assay.statistics.verdicts import Verdict, family_verdicts
from assay_pipelines.compare.models import Couple
from assay_pipelines.compare.scores import Paired, Run, Unpaired, arm_of, paired
from assay_pipelines.compare.told import interval_of, place_of, runs_of, verdict_of

_MOST_FLIPS = 20  # `assay compare --flips` shows the rest


@dataclass(frozen=True)
class Asked:
    """An arm's runs at one point of the factors, or of all but the dose."""

    runs: tuple[Run, ...] = ()
    asked: frozenset[str] = frozenset()  # the stages that it asked for, also those that failed

    def ran(self, run: Run) -> "Asked":
        """Return it with one more run."""
        return Asked((*self.runs, run), self.asked | {run.ref})

    def failed(self, ref: str) -> "Asked":
        """Return it with one more stage that failed."""
        return Asked(self.runs, self.asked | {ref})


@dataclass(frozen=True, kw_only=True)
class _Question:
    """One contrast on one task at one point of the factors."""

    contrast: Contrast
    task: str
    coordinates: Mapping[str, str]
    a: tuple[Run, ...]
    b: tuple[Run, ...]
    same: bool  # both arms are the same runs

    @property
    def name(self) -> str:
        return f"{self.contrast.name}/{self.task}"

    @property
    def told(self) -> dict[str, Any]:
        return {
            "contrast": self.contrast.name,
            "task": self.task,
            "coordinates": dict(self.coordinates),
        }


def judge(
    comparison: Comparison, runs: Sequence[Run], missing: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Answer every question of a comparison; the same runs give the same document, whatever their order."""
    runs = sorted(runs, key=place_of)
    document: dict[str, Any] = {"verdicts": [], "models": [], "missing": [], "sameRuns": []}
    for every in _families(comparison, runs, missing):
        document["sameRuns"] += same_runs((one.contrast, one.coordinates) for one in every if one.same)
        questions = [question for question in every if not question.same]
        answered, unanswered = _paired(questions)
        document["verdicts"] += _verdicts(comparison, answered, unanswered)
        document["models"] += [
            question.told | model
            for question, pair in answered
            for model in Couple(name=question.name, a=question.a, b=question.b, pair=pair).models(
                comparison.alpha
            )
        ]
        document["missing"] += [question.told | {"reason": reason} for question, reason in unanswered]
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
        points_a, points_b = (
            _points(arm, runs, missing, comparison.stage or "") for arm in (contrast.a, contrast.b)
        )
        for at_a, of_a in points_a.items():
            for at_b, of_b in points_b.items():
                coordinates = dict(at_b) | dict(at_a)
                if any(coordinates[axis] != value for axis, value in at_b):
                    continue
                families.setdefault(tuple(sorted(coordinates.items())), []).extend(
                    _Question(
                        contrast=contrast,
                        task=task,
                        coordinates=coordinates,
                        a=of_a.runs,
                        b=of_b.runs,
                        same=bool(of_a.asked) and of_a.asked == of_b.asked,
                    )
                    for task in tasks
                )
    yield from (families[point] for point in sorted(families))


def same_runs(asked: Iterable[tuple[Contrast, Mapping[str, str]]]) -> list[dict[str, Any]]:
    """Write once at which points both arms of a contrast are the same runs."""
    told = {
        (contrast.name, tuple(sorted(point.items()))): {
            "contrast": contrast.name,
            "a": contrast.a,
            "b": contrast.b,
            "coordinates": dict(point),
        }
        for contrast, point in asked
    }
    return list(told.values())


def _points(
    arm: str, runs: Sequence[Run], missing: Sequence[Mapping[str, Any]], stage: str
) -> dict[tuple[tuple[str, str], ...], Asked]:
    """Group an arm's runs by their coordinates; where all failed is a group of none, as is an arm without any."""
    points: dict[tuple[tuple[str, str], ...], Asked] = {}
    for run in runs:
        if run.arm == arm:
            at = tuple(sorted(run.coordinates.items()))
            points[at] = points.get(at, Asked()).ran(run)
    for one in missing:
        if one["arm"] == arm:
            at = tuple(sorted(one["coordinates"].items()))
            points[at] = points.get(at, Asked()).failed(one["stages"][stage])
    return points or {(): Asked()}


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
        _posed(question, pair, margins.get(question.task, comparison.margin)) for question, pair in answered
    ]
    absent = [question.name for question, _ in unanswered]
    known = {one.name for one in posed} | set(absent)
    judged = family_of(comparison, posed, absent, primary=primary if primary in known else None)
    return [
        _verdict(question, pair, verdict, primary=question.name == primary)
        | {
            "groups": _by_group(pair),
            "flips": _flips(pair),
            "tiedPrompts": _ties(question, pair, comparison.alpha),
        }
        for (question, pair), verdict in zip(answered, judged, strict=True)
    ]


def family_of(
    comparison: Comparison,
    posed: Sequence[statistics.Comparison],
    absent: Sequence[str],
    *,
    primary: str | None = None,
) -> Sequence[Verdict]:
    """Judge questions as the family that they are, or each by itself; `absent` names those that could not be answered."""
    if comparison.family == "none":
        return [statistics.verdict(one, alpha=comparison.alpha) for one in posed]
    return family_verdicts(posed, primary=primary, absent=absent, alpha=comparison.alpha)


def _posed(question: _Question, pair: Paired, margin: float | None) -> statistics.Comparison:
    scores = pair.linear
    return statistics.Comparison(
        name=question.name,
        a=arm_of(question.contrast.a, scores.a, pair.groups),
        b=arm_of(question.contrast.b, scores.b, pair.groups),
        margin=margin,
        chance=pair.like.chance,
        higher_is_better=pair.like.higher_is_better,
    )


def _verdict(question: _Question, pair: Paired, verdict: Verdict, *, primary: bool) -> dict[str, Any]:
    return question.told | {
        "primary": primary,
        **verdict_of(verdict),
        "unit": pair.like.unit,
        "higherIsBetter": pair.like.higher_is_better,
        "chance": pair.like.chance,
        "n": len(pair.items),
        "higherA": verdict.higher_a,
        "higherB": verdict.higher_b,
        "leftOut": pair.left_out,
        "a": _side(question.contrast.a, question.a, verdict.mean_a, pair.a.mean(axis=1).tolist()),
        "b": _side(question.contrast.b, question.b, verdict.mean_b, pair.b.mean(axis=1).tolist()),
    }


def _by_group(pair: Paired) -> list[dict[str, Any]]:
    """Return how the arms stand in each part of the task; a breakdown to read, and no test."""
    if pair.groups is None:
        return []
    groups = np.asarray(pair.groups)
    weight = np.array([pair.like.items[item].weight for item in pair.items])
    scale = weight / weight.mean()
    found = []
    for name in sorted(set(pair.groups)):
        inside = groups == name
        a, b = (
            float(scores[:, inside].mean(axis=0).sum() / scale[inside].sum()) for scores in (pair.a, pair.b)
        )
        found.append({"group": name, "n": int(inside.sum()), "a": a, "b": b, "effect": a - b})
    return found


def _flips(pair: Paired) -> dict[str, list[str]]:
    """Return ids of items on which a's mean over runs is higher, and of those on which b's is, by how much; the first of each."""
    scores = pair.linear
    ahead = scores.a.mean(axis=0) - scores.b.mean(axis=0)
    least = ROUNDING * max(float(np.abs(scores.a).max()), float(np.abs(scores.b).max()))
    order = np.argsort(-np.abs(ahead).round(12), kind="stable").tolist()  # of equals, by id
    return {
        side: [pair.items[at] for at in order if sign * ahead[at] > least][:_MOST_FLIPS]
        for side, sign in (("a", 1), ("b", -1))
    }


def _ties(question: _Question, pair: Paired, alpha: float) -> dict[str, Any] | None:
    """Return what is left of a verdict when items that ask the same count once; None where none do."""
    tied = pair.by_prompt()
    if tied is None:
        return None
    again = statistics.verdict(_posed(question, tied, None), alpha=alpha)
    return {"prompts": len(tied.items), "interval": interval_of(again.interval), "p": again.p}


def _side(arm: str, runs: Sequence[Run], mean: float, scores: Sequence[float]) -> dict[str, Any]:
    """One arm of a verdict."""
    return {"arm": arm, "mean": mean, "runs": runs_of(runs, scores)}
