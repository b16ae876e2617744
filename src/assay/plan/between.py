"""In what two arms differ: the fields of their stages as they are resolved, whatever an author wrote to get there.

An artifact that a stage reads goes by its stage's name, so that what only follows from another difference is none of its
own: a training on other data differs in nothing where the cleaning that made them is told. Arms are held together at
the points of the matrix that they share, else run by run in order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from assay.artifacts.documents import ArtifactRef, StageDocument, is_artifact
from assay.artifacts.kinds import Kind
from assay.plan.explain import ABSENT, differences
from assay.plan.plan import Plan, PlannedStage

Coordinates = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field in which two arms differ, and its values; several where they differ from run to run."""

    path: str  # such as `cleaned.clean.steps.refusals`, or a stage's name where one arm lacks it
    a: tuple[Any, ...]  # `ABSENT` where it is not there
    b: tuple[Any, ...]


class Arms:
    """A plan's arms, held against each other."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._runs: dict[str, dict[Coordinates, dict[str, PlannedStage]]] = {}
        for stage in plan.stages:
            for member in stage.members if stage.kind is not Kind.COMPARE else ():
                at = tuple(member.coordinates.items())
                self._runs.setdefault(member.arm, {}).setdefault(at, {})[member.stage] = stage
        self._known: dict[tuple[str, ArtifactRef, ArtifactRef], list[tuple[str, Any, Any]]] = {}

    def pairs(self) -> list[tuple[str, str]]:
        """Return the arms of every contrast, and those of none beside the plan's first arm."""
        asked = [
            (contrast["a"], contrast["b"])
            for stage in self._plan.stages
            if stage.kind is Kind.COMPARE
            for contrast in stage.document.spec["comparison"].get("contrasts") or ()
        ]
        arms = list(self._runs)
        named = {arm for pair in asked for arm in pair}
        rest = [(arm, arms[0]) for arm in arms[1:] if arm not in named]
        return [(a, b) for a, b in dict.fromkeys([*asked, *rest]) if a in self._runs and b in self._runs]

    def fields(self, a: str, b: str) -> list[Field]:
        """Return every field in which two arms differ."""
        found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        for mine, theirs in self.together(a, b):
            for name in dict.fromkeys([*mine, *theirs]):
                for path, here, there in self._of_stage(name, mine, theirs):
                    values = found.setdefault(path, ({}, {}))
                    values[0].setdefault(repr(here), here)
                    values[1].setdefault(repr(there), there)
        return [
            Field(path=path, a=tuple(of_a.values()), b=tuple(of_b.values()))
            for path, (of_a, of_b) in found.items()
        ]

    def together(
        self, a: str, b: str
    ) -> Iterator[tuple[Mapping[str, PlannedStage], Mapping[str, PlannedStage]]]:
        """Yield the runs of two arms that belong together, each as its stages by name."""
        yield from _together(self._runs[a], self._runs[b])

    def _of_stage(
        self, name: str, mine: Mapping[str, PlannedStage], theirs: Mapping[str, PlannedStage]
    ) -> list[tuple[str, Any, Any]]:
        one, other = mine.get(name), theirs.get(name)
        if one is None or other is None:
            here, there = (ABSENT if stage is None else stage.kind.value for stage in (one, other))
            return [(name, here, there)]
        if one.ref == other.ref:
            return []
        key = (name, one.ref, other.ref)
        if key not in self._known:
            told = differences(self._named(one, mine), self._named(other, theirs))
            self._known[key] = [
                (f"{name}.{one.kind.value}.{item.path}", item.mine, item.theirs)
                for item in told
                if not item.is_implied
            ]
        return self._known[key]

    def _named(self, stage: PlannedStage, run: Mapping[str, PlannedStage]) -> StageDocument:
        """Return a stage's document with stages' names in place of what they write."""
        own = {other.ref: name for name, other in run.items()}

        def named(value: Any) -> Any:
            if is_artifact(value):
                ref = ArtifactRef(value)
                first = self._plan.by_ref[ref].members[0]
                return own.get(ref) or f"{first.arm}/{first.stage}"
            if isinstance(value, dict):
                return {key: named(item) for key, item in value.items()}
            if isinstance(value, list | tuple):
                return [named(item) for item in value]
            return value

        document = stage.document
        return StageDocument(
            kind=document.kind,
            semantics=document.semantics,
            spec=named(document.spec),
            reads=document.reads,
        )


def _together(
    a: Mapping[Coordinates, dict[str, PlannedStage]], b: Mapping[Coordinates, dict[str, PlannedStage]]
) -> Iterator[tuple[dict[str, PlannedStage], dict[str, PlannedStage]]]:
    """Yield the runs of two arms that belong together."""
    shared = {axis for at in a for axis, _ in at} & {axis for at in b for axis, _ in at}
    beside: dict[Coordinates, list[dict[str, PlannedStage]]] = {}
    for at, run in b.items():
        beside.setdefault(_on(shared, at), []).append(run)
    met = [(run, other) for at, run in a.items() for other in beside.get(_on(shared, at), ())]
    if met:
        yield from met
        return
    first, other = next(iter(a.values())), next(iter(b.values()))
    for run, next_to_it in zip_longest(a.values(), b.values()):
        yield run or first, next_to_it or other


def _on(axes: set[str], at: Coordinates) -> Coordinates:
    return tuple(sorted(item for item in at if item[0] in axes))
