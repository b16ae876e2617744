"""What is compared: the scores of one arm, run by run.

A *run* is a whole new training (a replicate), not a second decoding of the same model.  Every run of every arm
is scored on the same items in the same order, or has a single number and no items (bits per byte over a text).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from assay.errors import AssayError

FloatArray: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]


class StatisticsError(AssayError, ValueError):
    """Scores or settings that no statistic can be made of."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Arm:
    """The scores of one arm.  Make one with `Arm.of_items` or `Arm.of_totals`.

    Attributes:
        name: the arm's name, as the reader knows it.
        means: shape (runs,), one figure per run: its mean over the items, or its only number.
        items: shape (runs, items), or None where a run has only a number.
        strata: the places of each stratum's items; one stratum where the task has no groups, none without items.

    """

    name: str
    means: FloatArray
    items: FloatArray | None
    strata: tuple[Places, ...] = ()

    @classmethod
    def of_items(cls, name: str, scores: ArrayLike, *, groups: Sequence[str] | None = None) -> Self:
        """Runs scored item by item: `scores` has shape (runs, items), 0/1 or graded, in the task's own unit.

        `groups` names each item's group where the task is made of groups that are fixed, such as subjects; see `strata`.

        Raises:
            StatisticsError: no run, fewer than two items, ragged rows, a score that is not a finite number, or not as
                many groups as items.

        """
        matrix = finite(f"arm {name}", scores, dimensions=2)
        if matrix.shape[1] < 2:
            raise StatisticsError(
                f"arm {name}",
                f"{matrix.shape[1]} item per run, expected at least 2",
                "Give runs that have a single number with Arm.of_totals.",
            )
        places = strata(f"arm {name}", matrix.shape[1], groups)
        return cls(name=name, means=matrix.mean(axis=1), items=matrix, strata=places)

    @classmethod
    def of_totals(cls, name: str, totals: ArrayLike) -> Self:
        """Runs that have one number each: `totals` has shape (runs,), in the measure's own unit.

        Raises:
            StatisticsError: no run, or a total that is not a finite number.

        """
        return cls(name=name, means=finite(f"arm {name}", totals, dimensions=1), items=None)

    @property
    def runs(self) -> int:
        """How many runs there are, at least one."""
        return int(self.means.size)

    @property
    def mean(self) -> float:
        """The mean over runs (and items)."""
        return float(self.means.mean())

    @property
    def copies(self) -> bool:
        """Whether all runs are the same run, so that they show nothing of how trainings differ.

        Equal on every item is a copy, unless every item has the same score: a task at its floor or ceiling
        makes honest replicates equal.  Equal totals, to the last bit, are copies.
        """
        if self.runs < 2:
            return False
        if self.items is None:
            return bool(np.ptp(self.means) == 0)
        return bool(np.all(np.ptp(self.items, axis=0) == 0) and np.ptp(self.items) > 0)


def strata(where: str, items: int, groups: Sequence[str] | None) -> tuple[Places, ...]:
    """Return the places of each group's items, groups in the order of their names.

    An item that is alone in its group shows nothing of how such items vary: all that are alone make one stratum, and a
    single one joins the stratum before it.

    Raises:
        StatisticsError: not as many groups as items.

    """
    if groups is None:
        return (np.arange(items, dtype=np.intp),)
    if len(groups) != items:
        raise StatisticsError(where, f"{len(groups)} groups of {items} items", "Name every item's group.")
    names, which = np.unique(np.asarray(groups), return_inverse=True)
    places: list[Places] = [np.flatnonzero(which == at) for at in range(len(names))]
    whole = [one for one in places if one.size > 1]
    alone = [one for one in places if one.size == 1]
    if len(alone) == 1 and whole:
        alone.append(whole.pop())
    return (*whole, *([np.sort(np.concatenate(alone))] if alone else []))


def finite(where: str, scores: ArrayLike, *, dimensions: int) -> FloatArray:
    """Return `scores` as an array of finite floats with that many dimensions, none of them empty.

    Raises:
        StatisticsError: anything else, saying where the first fault is.

    """
    wanted = ("", "one number per run or item", "one row of item scores per run")[dimensions]
    try:
        array = np.array(scores, dtype=np.float64)
    except (TypeError, ValueError) as fault:
        raise StatisticsError(
            where, f"{fault}, expected {wanted}", "Score every run on the same items, with numbers."
        ) from fault
    if array.ndim != dimensions or array.size == 0:
        raise StatisticsError(
            where,
            f"scores of shape {array.shape}, expected {wanted}",
            "Give a matrix (runs x items) to of_items, a vector (runs) to of_totals.",
        )
    if not np.isfinite(array).all():
        at = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        raise StatisticsError(
            where,
            f"score {float(array[at])!r} at {list(at)}, expected finite numbers",
            "Score a failed item as the task says (usually 0), or leave it out of every run.",
        )
    array.setflags(write=False)
    return array


def open_share(where: str, value: float) -> float:
    """Return `value` if it lies strictly between 0 and 1.

    Raises:
        StatisticsError: it does not.

    """
    if not 0 < value < 1:
        raise StatisticsError(
            where, f"{value!r}, expected a number between 0 and 1", "A usual choice is 0.05."
        )
    return value


def item_count(arms: Sequence[Arm]) -> int | None:
    """Return how many items the arms share, or None where runs have only totals.

    Raises:
        StatisticsError: the arms were not scored on the same items.

    """
    counts = {None if arm.items is None else int(arm.items.shape[1]) for arm in arms}
    if len(counts) != 1:
        told = ", ".join(
            f"{arm.name}: {'totals' if arm.items is None else arm.items.shape[1]}" for arm in arms
        )
        raise StatisticsError(
            " and ".join(arm.name for arm in arms),
            f"different items ({told}), expected the same in every arm",
            "Evaluate both arms on the same task, and compare only items that both have.",
        )
    return counts.pop()


def within_unit(arms: Sequence[Arm]) -> bool:
    """Whether every item score lies between 0 and 1, so that one item can move a mean by at most 1 / items."""
    return all(arm.items is not None and arm.items.min() >= 0 and arm.items.max() <= 1 for arm in arms)
