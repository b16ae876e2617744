"""Arms × matrix: the instances of the pipeline that an experiment asks for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from pydantic import ValidationError

from assay.api.experiment import Arm, Axis, Experiment, Role, Stage
from assay.api.faults import did_you_mean
from assay.api.model import SpecModel
from assay.errors import SpecError
from assay.plan.merge import Plain, item_name, member_aliases, merge_items
from assay.plan.shape import field_by_alias

Stages = tuple[Stage, ...]
Coordinates = tuple[tuple[str, str], ...]  # (axis, value) in the order of axes


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One arm at one point of the matrix."""

    arm: str
    coordinates: Coordinates
    stages: Mapping[str, Stage]
    roles: Mapping[str, Role]  # of its axes

    @property
    def replicates(self) -> tuple[str, ...]:
        """The axes along which it is a whole new run of the same."""
        return tuple(axis for axis, role in self.roles.items() if role is Role.REPLICATE)

    @property
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
        SpecError: a patch does not fit, or a path leads nowhere in every arm.

    """
    spec = experiment.spec
    pipeline = [_plain(stage) for stage in spec.pipeline]
    validated = _Validation()
    instances: list[Instance] = []
    notes: list[str] = []
    moved: set[tuple[str, str]] = set()
    for index, arm in enumerate(spec.arms):
        where = f"spec.arms[{index}] ({arm.name})"
        stages = merge_items(Stage, pipeline, [_plain(item) for item in arm.stages], f"{where}.stages")
        axes = _axes(spec.matrix, arm, where)
        applied = []
        for axis in axes:
            hits = [path for path in _targets(axis) if _has(stages, path)]
            moved |= {(axis.name, path) for path in hits}
            if hits:
                applied.append(axis)
            else:
                notes.append(
                    f"arm {arm.name}: axis {axis.name} moves nothing in it, so it does not multiply it"
                )
        for point in product(*(_places(axis) for axis in applied)):
            varied = stages
            for axis, value in zip(applied, point, strict=True):
                varied = _moved(varied, axis, value, f"{where}, axis {axis.name}")
            instances.append(
                Instance(
                    arm=arm.name,
                    coordinates=tuple(
                        (axis.name, value.name) for axis, value in zip(applied, point, strict=True)
                    ),
                    stages={stage["name"]: validated(stage, where) for stage in varied},
                    roles={axis.name: axis.role for axis in applied},
                )
            )
    for position, axis in enumerate(spec.matrix):
        for path in _targets(axis):
            if (axis.name, path) not in moved:
                raise SpecError(
                    f"spec.matrix[{position}] ({axis.name})",
                    f"found path {path!r}, expected one that leads somewhere in at least one arm",
                    "Write stage, kind, field, such as sft.train.seed; list items go by name.",
                )
    return Expansion(instances=tuple(instances), notes=tuple(notes))


class _Validation:
    """Makes Stages of plain ones, each distinct object once: most arms share most stages."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Plain, Stage]] = {}

    def __call__(self, stage: Plain, where: str) -> Stage:
        known = self._known.get(id(stage))
        if known is not None and known[0] is stage:
            return known[1]
        try:
            result = Stage.model_validate(stage)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            path = ".".join(str(part) for part in first["loc"])
            raise SpecError(
                f"{where}.stages[{stage.get('name')}].{path}",
                f"found {first['input']!r}, after merging the arm over the pipeline: {first['msg']}",
                "Mend the arm's words; a stage that the pipeline lacks must be written whole.",
            ) from error
        self._known[id(stage)] = (stage, result)
        return result


def _plain(model: Any) -> Plain:
    """Return a model's words as its author wrote them."""
    dumped: Plain = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return dumped


def _axes(matrix: tuple[Axis, ...], arm: Arm, where: str) -> list[Axis]:
    if not arm.matrix:
        return list(matrix)
    merged = merge_items(
        Axis, [_plain(axis) for axis in matrix], [_plain(item) for item in arm.matrix], f"{where}.matrix"
    )
    try:
        return [Axis.model_validate(axis) for axis in merged]
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise SpecError(
            f"{where}.matrix", f"found {first['input']!r}: {first['msg']}", "Mend the arm's axis."
        ) from error


@dataclass(frozen=True, kw_only=True)
class _Place:
    """One value of an axis: what is set at its paths, and what is patched."""

    name: str
    amount: Any
    patches: tuple[Plain, ...]


def _places(axis: Axis) -> list[_Place]:
    """The values of an axis; those of the short form are named by themselves."""
    if axis.values is not None:
        return [
            _Place(name=value.name, amount=None, patches=tuple(_plain(item) for item in value.stages))
            for value in axis.values
        ]
    amounts = axis.integers or axis.numbers or axis.strings or ()
    return [_Place(name=_label(amount), amount=amount, patches=()) for amount in amounts]


def _label(value: float | str) -> str:
    return value if isinstance(value, str) else format(value, "g") if isinstance(value, float) else str(value)


def _targets(axis: Axis) -> Iterator[str]:
    """What an axis moves: its paths, or the stages that its values patch."""
    yield from axis.paths
    seen: set[str] = set()
    for value in axis.values or ():
        for patch in value.stages:
            name = _plain(patch).get("name", "")
            if name not in seen:
                seen.add(name)
                yield name


def _has(stages: list[Plain], path: str) -> bool:
    name, *rest = path.split(".")
    stage = next((item for item in stages if item["name"] == name), None)
    return stage is not None and (not rest or _set(Stage, stage, rest, None, path) is not None)


def _moved(stages: list[Plain], axis: Axis, place: _Place, where: str) -> list[Plain]:
    names = {stage["name"] for stage in stages}
    patches = [patch for patch in place.patches if patch.get("name") in names]
    result = merge_items(Stage, stages, patches, where) if patches else list(stages)
    for path in axis.paths:
        name, *rest = path.split(".")
        for position, stage in enumerate(result):
            if stage["name"] == name:
                result[position] = _set(Stage, stage, rest, place.amount, path) or stage
    return result


def _set(model: type[SpecModel], base: Plain, path: list[str], value: Any, whole: str) -> Plain | None:
    """Return a copy with the field at `path` set, or None where the way there is missing."""
    head, *rest = path
    field = field_by_alias(model).get(head)
    if field is None:
        raise SpecError(
            f"path {whole!r}",
            f"found {head!r}, expected a field of {model.__name__}: {', '.join(field_by_alias(model))}",
            did_you_mean(head, list(field_by_alias(model)), "Correct the path."),
        )
    if not rest:
        return {**base, head: value}
    inside = base.get(head)
    if inside is None:
        return None
    if field.nested is not None:
        changed = _set(field.nested, inside, rest, value, whole)
        return None if changed is None else {**base, head: changed}
    if field.items is None:
        raise SpecError(
            f"path {whole!r}",
            f"found {rest[0]!r} inside {head!r}, which has no fields",
            "End the path before it.",
        )
    items = _set_item(field.items, inside, rest, value, whole)
    return None if items is None else {**base, head: items}


def _set_item(
    model: type[SpecModel], items: list[Plain], path: list[str], value: Any, whole: str
) -> list[Plain] | None:
    name, *rest = path
    for position, item in enumerate(items):
        if item_name(model, item, whole) == name:
            kind = next((alias for alias in member_aliases(model) if item.get(alias) is not None), None)
            way = rest if kind is None or (rest and rest[0] in field_by_alias(model)) else [kind, *rest]
            changed = _set(model, item, way, value, whole)
            return None if changed is None else [*items[:position], changed, *items[position + 1 :]]
    return None
