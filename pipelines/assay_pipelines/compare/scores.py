"""What runs scored, item by item, and how two arms' items are paired. No input or output.

A *run* is one arm at one point of the matrix. Items are paired by their id, and only if every run was asked the same: an
id under which the benchmark or the prompt differs makes the task incomparable, whatever the scores say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from assay.artifacts.outputs import FINAL
from assay.statistics.scores import Arm, FloatArray


@dataclass(frozen=True, kw_only=True)
class Item:
    """One outcome."""

    doc_hash: str
    prompt_hash: str
    outcome: float
    weight: float


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """One run on one task."""

    items: Mapping[str, Item]  # by doc id
    unit: str
    higher_is_better: bool | None
    chance: float | None


@dataclass(frozen=True, kw_only=True)
class Run:
    """One arm at one point of the matrix, evaluated."""

    arm: str
    coordinates: Mapping[str, str]  # axes that are no replicates
    replicate: Mapping[str, str]
    ref: str  # the evaluate stage that every score is from
    scores: Mapping[str, Mapping[str, TaskScore]]  # task → checkpoint → score
    lineage: Mapping[str, Any]  # what it was trained on, each figure beside the artifact that it is from
    dose: float = 0.0  # its amount on a dose comparison's axis

    def score(self, task: str) -> TaskScore | None:
        """Its only checkpoint's, or its last one's."""
        found = self.scores.get(task, {})
        return next(iter(found.values())) if len(found) == 1 else found.get(FINAL)


class Unpaired(Exception):
    """Two arms cannot be compared on a task; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Two arms' runs on the same items.

    Attributes:
        items: ids of the items, sorted.
        left_out: how many items some run has and another lacks.
        a: scores of a's runs, shape (runs, items), scaled so that a row's mean is the run's score.
        b: the same of b.
        weights: what each item counts for, shape (items,), scaled so that their mean is 1.
        like: how to read the scores.
        groups: the part that each item belongs to; None where the task has none.
        prompts: the hash of each item's prompt.

    """

    items: tuple[str, ...]
    left_out: int
    a: FloatArray
    b: FloatArray
    weights: FloatArray
    like: TaskScore
    groups: tuple[str, ...] | None
    prompts: tuple[str, ...]

    @property
    def binary(self) -> bool:
        """Whether every item is simply right or wrong, and counts as much as any other."""
        return all(bool(np.isin(scores, (0.0, 1.0)).all()) for scores in (self.a, self.b))

    @cached_property
    def linear(self) -> "Paired":
        """Return the same scores as statistics want them: how an item varies, and not how much it counts for.

        A score is a ratio of sums, as bits per byte are, where weights vary. An item then moves it by its outcome less what
        its weight made one expect (the ratio estimator's linear form; Cochran 1977, 6.3). Rows keep their means.
        """
        shift = self.weights - 1
        a, b = (
            rows - rows.mean(axis=1, keepdims=True) * shift if rows.size else rows
            for rows in (self.a, self.b)
        )
        return replace(self, a=a, b=b)

    def by_prompt(self) -> "Paired | None":
        """Return the same scores with the items of one prompt made one.

        Items that ask the same are tied: they say less than as many different ones. The mean stays what it is.
        None where every item has its own prompt, or all have one, as texts that are only read have an empty one.
        """
        asked = list(zip(self.groups or ("",) * len(self.items), self.prompts, strict=True))
        first = {key: at for at, key in reversed(list(enumerate(asked)))}
        if len(first) == len(asked) or len(set(self.prompts)) == 1:
            return None
        places = {key: place for place, key in enumerate(sorted(first, key=first.__getitem__))}
        which = np.array([places[key] for key in asked])
        scale = len(first) / len(asked)
        rows = (self.a, self.b, self.weights[None])
        tied = [np.zeros((len(scores), len(first))) for scores in rows]
        for sums, scores in zip(tied, rows, strict=True):
            np.add.at(sums.T, which, scores.T * scale)
        kept = sorted(first.values())
        return replace(
            self,
            items=tuple(self.items[at] for at in kept),
            a=tied[0],
            b=tied[1],
            weights=tied[2][0],
            groups=None if self.groups is None else tuple(self.groups[at] for at in kept),
            prompts=tuple(self.prompts[at] for at in kept),
        )


def paired(task: str, a: Sequence[Run], b: Sequence[Run]) -> Paired:
    """Pair two arms' items.

    Raises:
        Unpaired: a run lacks the task, nothing is shared, or the same item was asked differently.

    """
    scores = [(run, run.score(task)) for run in (*a, *b)]
    for run, score in scores:
        if score is None:
            raise Unpaired(f"{run.ref} ({run.arm}) has no outcomes of task {task}")
    found = [(run, score) for run, score in scores if score is not None]
    shared = sorted(set.intersection(*(set(score.items) for _, score in found)))
    if not shared:
        raise Unpaired(f"the runs have no item of task {task} in common")
    first, like = found[0]
    for run, score in found[1:]:
        _same_measure(task, (first, like), (run, score))
        for item in shared:
            _same_question(task, item, (first, like.items[item]), (run, score.items[item]))
    weights = np.array([like.items[item].weight for item in shared])
    scale = weights.mean()
    rows = np.array([[score.items[item].outcome for item in shared] for _, score in found]) / scale
    every = set.union(*(set(score.items) for _, score in found))
    return Paired(
        items=tuple(shared),
        left_out=len(every) - len(shared),
        a=rows[: len(a)],
        b=rows[len(a) :],
        weights=weights / scale,
        like=like,
        groups=_groups(shared),
        prompts=tuple(like.items[item].prompt_hash for item in shared),
    )


def arm_of(name: str, scores: FloatArray, groups: Sequence[str] | None) -> Arm:
    """Return an arm for `assay.statistics`; a task of one item is a total."""
    if scores.shape[1] > 1:
        return Arm.of_items(name, scores, groups=groups)
    return Arm.of_totals(name, scores[:, 0])


def _groups(items: Sequence[str]) -> tuple[str, ...] | None:
    """Return the part that each id begins with; None where some has none, or all are of one, or each of its own."""
    parts = [item.rpartition("/")[0] for item in items]
    return tuple(parts) if all(parts) and 1 < len(set(parts)) < len(parts) else None


def _same_measure(task: str, one: tuple[Run, TaskScore], other: tuple[Run, TaskScore]) -> None:
    for name in ("unit", "higher_is_better"):
        mine, theirs = getattr(one[1], name), getattr(other[1], name)
        if mine != theirs:
            raise Unpaired(
                f"{one[0].ref} and {other[0].ref} did not measure the same: "
                f"{name.replace('_', ' ')} of task {task} is {mine!r} in one and {theirs!r} in the other"
            )


def _same_question(task: str, item: str, one: tuple[Run, Item], other: tuple[Run, Item]) -> None:
    for name, differs in (
        ("item", one[1].doc_hash != other[1].doc_hash or one[1].weight != other[1].weight),
        ("prompt", one[1].prompt_hash != other[1].prompt_hash),
    ):
        if differs:
            raise Unpaired(
                f"{one[0].ref} and {other[0].ref} were not asked the same: "
                f"the {name} of id {item!r} of task {task} differs"
            )
