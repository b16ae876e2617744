"""Which stages of two plans, of two arms, or two stages alone, are not the same: by which fields, and which only because of what they read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.artifacts.documents import ArtifactRef, is_artifact
from assay.errors import SpecError
from assay.plan.between import Arms
from assay.plan.explain import Difference, differences, short
from assay.plan.plan import Member, Plan, PlannedStage

_Pair = tuple[ArtifactRef, ArtifactRef]
_Placed = list[tuple[str, ArtifactRef]]  # where in the matrix, and what is there
_Named = Mapping[str, _Placed]
_Alone = dict[ArtifactRef, str]  # what has no pair, and its label


@dataclass(frozen=True, kw_only=True)
class Changed:
    """One field, its values told for people."""

    path: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}: {self.before} → {self.after}"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A stage on either side, which are not the same."""

    label: str
    before: PlannedStage
    after: PlannedStage
    fields: tuple[Changed, ...]  # its own
    because: tuple[str, ...]  # names of stages that it reads, and that are not the same either


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Two sides, held against each other."""

    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    same: int  # distinct stages


def plans_diff(before: Plan, after: Plan) -> Diff:
    """Hold two plans against each other, stage by stage of the same name; the same work under another name is the same."""

    def name(member: Member) -> str:
        return f"{member.arm}/{member.stage}"

    return _Sides(before, after).diff(_members(before, name), _members(after, name))


def arms_diff(plan: Plan, before: str, after: str) -> Diff:
    """Hold two arms of a plan against each other, stages of the same name in runs that belong together.

    Raises:
        SpecError: they have no stage of the same name.

    """
    runs = list(Arms(plan).together(before, after))
    pairs = {
        (mine[name].ref, theirs[name].ref) for mine, theirs in runs for name in mine.keys() & theirs.keys()
    }
    if not pairs:
        raise SpecError(
            f"arms {before} and {after}",
            "found no stage of the same name, expected at least one",
            "Name two arms that have some in common.",
        )

    def alone(arm: str, paired: set[ArtifactRef]) -> _Alone:
        named = _members(plan, lambda member: member.stage if member.arm == arm else None)
        return {
            ref: f"{name}{at}" for name, placed in named.items() for at, ref in placed if ref not in paired
        }

    lone = alone(before, {ref for ref, _ in pairs}), alone(after, {ref for _, ref in pairs})
    return _Sides(plan, plan).held(pairs, lone)


def stages_diff(plan: Plan, before: PlannedStage, after: PlannedStage) -> Diff:
    """Hold two stages of a plan against each other, and what they read, as far as that differs.

    Raises:
        SpecError: they are of different kinds.

    """
    if before.kind is not after.kind:
        raise SpecError(
            f"{before.label} and {after.label}",
            f"found a {before.kind.value} and a {after.kind.value} stage, expected two of one kind",
            "Name two stages of one kind.",
        )
    todo, pairs = [(before.ref, after.ref)], set[_Pair]()
    while todo:
        pair = todo.pop()
        if pair not in pairs and pair[0] != pair[1]:
            pairs.add(pair)
            found = differences(plan.by_ref[pair[0]].document, plan.by_ref[pair[1]].document)
            todo += [read for item in found if (read := _read(item)) and read[0].kind is read[1].kind]
    changes = tuple(_Sides(plan, plan).changes(pairs))
    return Diff(changes=changes, only_before=(), only_after=(), same=int(before.ref == after.ref))


class _Sides:
    """Two plans, or one twice."""

    def __init__(self, before: Plan, after: Plan) -> None:
        self._before = before
        self._after = after

    def diff(self, mine: _Named, theirs: _Named) -> Diff:
        """Pair what has the same name, at the same coordinates where there are such, otherwise in order."""
        pairs: set[_Pair] = set()
        alone: tuple[_Alone, _Alone] = ({}, {})
        for name in [*mine, *(name for name in theirs if name not in mine)]:
            paired, *left = _paired(mine.get(name, []), theirs.get(name, []))
            pairs |= paired
            for side, lone in zip(alone, left, strict=True):
                side.update({ref: f"{name}{at}" for at, ref in lone})
        return self.held(pairs, alone)

    def held(self, pairs: set[_Pair], alone: tuple[_Alone, _Alone]) -> Diff:
        """Hold pairs against each other, beside what has none."""
        elsewhere = alone[0].keys() & alone[1].keys()  # the same work under another name
        return Diff(
            changes=tuple(self.changes({pair for pair in pairs if pair[0] != pair[1]})),
            only_before=_labels(alone[0], elsewhere | {ref for ref, _ in pairs}),
            only_after=_labels(alone[1], elsewhere | {ref for _, ref in pairs}),
            same=len(elsewhere | {ref for ref, other in pairs if ref == other}),
        )

    def changes(self, pairs: set[_Pair]) -> Iterator[Change]:
        """Yield every pair that is not the same, in the order of the first plan, then of the second."""
        orders = [
            {stage.ref: index for index, stage in enumerate(plan.stages)}
            for plan in (self._before, self._after)
        ]
        for pair in sorted(pairs, key=lambda pair: (orders[0][pair[0]], orders[1][pair[1]])):
            before, after = self._before.by_ref[pair[0]], self._after.by_ref[pair[1]]
            found = differences(before.document, after.document)
            reads = [read for item in found if (read := _read(item)) and read in pairs]
            yield Change(
                label=before.label if before.label == after.label else f"{before.label} → {after.label}",
                before=before,
                after=after,
                fields=tuple(
                    self._changed(item) for item in found if _read(item) not in pairs and not item.is_implied
                ),
                because=tuple(dict.fromkeys(self._after.by_ref[ref].members[0].stage for _, ref in reads)),
            )

    def _changed(self, item: Difference) -> Changed:
        return Changed(
            path=item.path, before=_told(self._before, item.mine), after=_told(self._after, item.theirs)
        )


def _members(plan: Plan, name: Callable[[Member], str | None]) -> _Named:
    named: dict[str, _Placed] = {}
    for stage in plan.stages:
        for member in stage.members:
            if (called := name(member)) is not None:
                _, bracket, at = member.label.partition("[")
                named.setdefault(called, []).append((f"{bracket}{at}", stage.ref))
    return named


def _paired(mine: _Placed, theirs: _Placed) -> tuple[set[_Pair], _Placed, _Placed]:
    """Pair by place; what is left in order, where both sides have as much left; return the pairs, and what stays alone."""
    other = dict(theirs)
    known = {at for at, _ in mine if at in other}
    pairs = {(ref, other[at]) for at, ref in mine if at in known}
    left = [item for item in mine if item[0] not in known]
    right = [item for item in theirs if item[0] not in known]
    if len(left) != len(right):
        return pairs, left, right
    return pairs | {(one, two) for (_, one), (_, two) in zip(left, right, strict=True)}, [], []


def _labels(alone: Mapping[ArtifactRef, str], known: set[ArtifactRef]) -> tuple[str, ...]:
    return tuple(label for ref, label in alone.items() if ref not in known)


def _read(item: Difference) -> _Pair | None:
    """Return what either side reads, where the field says that."""
    if is_artifact(item.mine) and is_artifact(item.theirs):
        return ArtifactRef(item.mine), ArtifactRef(item.theirs)
    return None


def _told(plan: Plan, value: Any) -> str:
    """Write a value for people: stages by their labels, files by their names."""
    if isinstance(value, str) and value in plan.locations:
        name = plan.locations[value].uri.rstrip("/").rpartition("/")[2]
        return f"{name} ({short(value)})"
    return plan.told(value) if is_artifact(value) else short(value)
