"""Arms × matrix: the instances of the pipeline that an experiment asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod

from pydantic import ValidationError

from assay.api.experiment import Arm, Axis, Experiment, ExperimentSpec, Role, Stage
from assay.api.faults import faults_of
from assay.api.model import SpecModel
from assay.api.written import Written
from assay.errors import SpecError, SpecErrors
from assay.plan.axes import Place, PlacedAxis, plain
from assay.plan.merge import Plain, merge_items

Stages = tuple[Stage, ...]
Coordinates = tuple[tuple[str, str], ...]  # (axis, value) in the order of axes

_MOST_INSTANCES = 20_000  # a few axes multiply to what no machine can hold
_ENOUGH = 50  # faults of one arm


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One arm at one point of the matrix."""

    arm: str
    coordinates: Coordinates
    stages: Mapping[str, Stage]
    roles: Mapping[str, Role]  # of its axes
    doses: Mapping[str, float]  # its amounts on axes of doses

    @property
    def replicates(self) -> tuple[str, ...]:
        """The axes along which it is a whole new run of the same."""
        return tuple(axis for axis, role in self.roles.items() if role is Role.REPLICATE)

    @cached_property
    def label(self) -> str:
        """Such as `with-refusals[seed=1]`."""
        inside = ",".join(f"{axis}={value}" for axis, value in self.coordinates)
        return f"{self.arm}[{inside}]" if inside else self.arm


@dataclass(frozen=True, kw_only=True)
class Expansion:
    """All instances, and what a reader should know about them."""

    instances: tuple[Instance, ...]
    notes: tuple[str, ...]


def expand(experiment: Experiment) -> Expansion:
    """Lay every arm's words over the pipeline and multiply it by the axes that move something in it.

    Raises:
        SpecErrors: a patch does not fit, or a path leads nowhere in every arm.

    """
    expansion, faults = expanded(experiment)
    if faults:
        raise SpecErrors(faults)
    return expansion


def expanded(experiment: Experiment) -> tuple[Expansion, list[SpecError]]:
    """Do as `expand`, leave out the arms at fault, and tell every fault."""
    expander = _Expander(experiment.spec)
    return expander.expansion(), list({str(fault): fault for fault in expander.faults}.values())


class _Expander:
    """Expands one experiment, and gathers what it finds wrong."""

    def __init__(self, spec: ExperimentSpec) -> None:
        self.faults: list[SpecError] = []
        self._spec = spec
        self._pipeline = [plain(stage) for stage in spec.pipeline]
        self._validated = _Validation()
        self._axes = _named_once(
            PlacedAxis(axis, f"spec.matrix[{index}] ({axis.name})") for index, axis in enumerate(spec.matrix)
        )
        self._moved: set[tuple[str, str]] = set()
        self._notes: list[str] = []

    def expansion(self) -> Expansion:
        instances: list[Instance] = []
        for index, arm in enumerate(self._spec.arms):
            faults: list[SpecError] = []
            found = self._arm(arm, f"spec.arms[{index}] ({arm.name})", faults)
            self.faults += faults
            if not faults:
                instances += found
            if len(instances) > _MOST_INSTANCES:
                self.faults.append(_too_many(arm.name, len(instances)))
                break
        else:
            self._every_path_moves_something()
        return Expansion(instances=tuple(instances), notes=tuple(self._notes))

    def _arm(self, arm: Arm, where: str, faults: list[SpecError]) -> list[Instance]:
        words = [plain(item) for item in arm.stages]
        stages = merge_items(Stage, self._pipeline, words, f"{where}.stages", faults=faults)
        applied = []
        for axis in self._axes_of(arm, where, faults):
            hits = axis.hits(stages, self.faults)
            self._moved |= {(axis.axis.name, path) for path in hits}
            if hits:
                applied.append(axis)
            else:
                self._notes.append(
                    f"arm {arm.name}: axis {axis.axis.name} moves nothing in it, so it does not multiply it"
                )
        number = prod(len(axis.places) for axis in applied)
        if number > _MOST_INSTANCES:
            faults.append(_too_many(arm.name, number))
        if faults:
            return []
        roles = {axis.axis.name: axis.axis.role for axis in applied}
        instances = []
        for point, varied in self._points(stages, applied, faults):
            whole = {}
            for stage in varied:
                made = self._validated(stage, (where, applied), faults)
                if made is not None:
                    whole[stage["name"]] = made
            if len(faults) > _ENOUGH:
                break
            instances.append(_instance(arm, applied, point, whole, roles))
        return instances

    def _points(
        self, stages: list[Plain], applied: list[PlacedAxis], faults: list[SpecError]
    ) -> list[tuple[tuple[Place, ...], list[Plain]]]:
        """Return the stages at every point, the last axis moving fastest; what points have in common is made once."""
        points: list[tuple[tuple[Place, ...], list[Plain]]] = [((), stages)]
        for axis in applied:
            points = [
                ((*point, place), axis.moved(before, place, faults=faults, own=self.faults))
                for point, before in points
                for place in axis.places
                if len(faults) <= _ENOUGH
            ]
        return points

    def _axes_of(self, arm: Arm, where: str, faults: list[SpecError]) -> list[PlacedAxis]:
        """The experiment's axes, with the arm's words merged over them."""
        if not arm.matrix:
            return self._axes
        place = f"{where}.matrix"
        merged = merge_items(
            Axis,
            [plain(axis) for axis in self._spec.matrix],
            [plain(item) for item in arm.matrix],
            place,
            faults=faults,
        )
        axes = []
        for item in merged:
            try:
                axes.append(PlacedAxis(Axis.model_validate(item), f"{place}[{item['name']}]"))
            except ValidationError as error:
                faults += _after_merging(Axis, item, error, f"{place}[{item['name']}]")
        return _named_once(axes)

    def _every_path_moves_something(self) -> None:
        told = {fault.where for fault in self.faults}
        for axis in self._axes:
            for index, path in enumerate(axis.targets):
                known = (axis.axis.name, path) in self._moved or f"{axis.where}.paths[{index}]" in told
                if not known:
                    self.faults.append(
                        SpecError(
                            axis.where,
                            f"found path {path!r}, expected one that leads somewhere in at least one arm",
                            "Write stage, kind, field, such as sft.train.seed; list items go by name.",
                        )
                    )


def _named_once(axes: Iterable[PlacedAxis]) -> list[PlacedAxis]:
    """Leave out axes whose name has come before: that is a fault, and is not to multiply what is looked at besides."""
    first: dict[str, PlacedAxis] = {}
    for axis in axes:
        first.setdefault(axis.axis.name, axis)
    return list(first.values())


class _Validation:
    """Makes Stages of plain ones, each distinct object once: most arms share most stages."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Plain, Stage]] = {}

    def __call__(
        self, stage: Plain, words: tuple[str, list[PlacedAxis]], faults: list[SpecError]
    ) -> Stage | None:
        """Return the Stage, or None and its faults; `words` are where its arm is written, and what moved it."""
        known = self._known.get(id(stage))
        if known is not None and known[0] is stage:
            return known[1]
        try:
            result = Stage.model_validate(stage)
        except ValidationError as error:
            arm, axes = words
            where = next((giver for axis in reversed(axes) if (giver := axis.giver(stage))), arm)
            faults += _after_merging(Stage, stage, error, f"{where}.stages[{stage.get('name')}]")
            return None
        self._known[id(stage)] = (stage, result)
        return result


def _after_merging(
    model: type[SpecModel], merged: Plain, error: ValidationError, where: str
) -> list[SpecError]:
    """Tell what is wrong with what an arm's or an axis's words have made of the pipeline's."""
    written = Written(value=merged)
    root = written.where(())
    return [
        SpecError(
            where if fault.where == root else f"{where}.{fault.where}",
            f"{fault.found}, once it is merged over the pipeline",
            f"{fault.do} What the pipeline lacks must be written whole.",
        )
        for fault in faults_of(model, error.errors(include_url=False), written)
    ]


def _instance(
    arm: Arm,
    applied: list[PlacedAxis],
    point: tuple[Place, ...],
    stages: Mapping[str, Stage],
    roles: Mapping[str, Role],
) -> Instance:
    return Instance(
        arm=arm.name,
        coordinates=tuple((axis.axis.name, place.name) for axis, place in zip(applied, point, strict=True)),
        stages=stages,
        roles=roles,
        doses={
            axis.axis.name: place.dose
            for axis, place in zip(applied, point, strict=True)
            if place.dose is not None
        },
    )


def _too_many(arm: str, number: int) -> SpecError:
    return SpecError(
        "spec.matrix",
        f"found {number} runs of the pipeline by arm {arm} alone or with those before it, expected at most {_MOST_INSTANCES}",
        "Shorten an axis, or split the experiment.",
    )
