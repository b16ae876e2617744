"""What an axis moves: its places, the fields it sets and the stages it patches, and whether an arm has them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from assay.api.experiment import Axis, Role, Stage
from assay.api.faults import did_you_mean
from assay.api.model import SpecModel
from assay.errors import SpecError
from assay.plan.merge import Plain, item_name, member_aliases, merge_items
from assay.plan.shape import field_by_alias


@dataclass(frozen=True, kw_only=True)
class Place:
    """One value of an axis: what is set at its paths, what is patched, and on an axis of doses how much it is."""

    where: str
    name: str
    amount: Any
    patches: tuple[Plain, ...]
    dose: float | None


@dataclass(frozen=True)
class PlacedAxis:
    """An axis, and where it is written."""

    axis: Axis
    where: str
    # What was made, by the identities of stages and places; a stage is kept beside, so that no other gets its identity.
    _known: dict[tuple[int, int], tuple[Plain, list[Plain]]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    _givers: dict[int, tuple[Plain, str]] = field(default_factory=dict, init=False, compare=False, repr=False)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Its values; those of the short form are named by themselves. One that comes again, which is a fault, multiplies nothing."""
        first: dict[tuple[str, Any], Place] = {}
        for place in self._every_place():
            first.setdefault((place.name, place.amount), place)
        return tuple(first.values())

    def _every_place(self) -> tuple[Place, ...]:
        if self.axis.values is not None:
            return tuple(
                Place(
                    where=f"{self.where}.values[{index}] ({value.name})",
                    name=value.name,
                    amount=None,
                    patches=tuple(plain(item) for item in value.stages),
                    dose=value.dose,
                )
                for index, value in enumerate(self.axis.values)
            )
        amounts: tuple[Any, ...] = self.axis.integers or self.axis.numbers or self.axis.strings or ()
        return tuple(
            Place(
                where=f"{self.where}.{self.axis.chosen}[{index}]",
                name=_label(value),
                amount=value,
                patches=(),
                dose=float(value) if self.axis.role is Role.DOSE else None,
            )
            for index, value in enumerate(amounts)
        )

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Its paths, or the stages that its values patch."""
        patched = [patch.get("name", "") for place in self.places for patch in place.patches]
        return (*self.axis.paths, *dict.fromkeys(patched))

    def hits(self, stages: list[Plain], faults: list[SpecError]) -> list[str]:
        """Return the targets that some stage has; a path that no stage could have is a fault of the axis."""
        return [
            target for index, target in enumerate(self.targets) if self._has(stages, target, index, faults)
        ]

    def moved(
        self, stages: list[Plain], place: Place, *, faults: list[SpecError], own: list[SpecError]
    ) -> list[Plain]:
        """Return the stages at one of its places; faults of patches go to `faults`, of its paths to `own`.

        What becomes of one stage is made once, and is the very same object wherever that stage is met again.
        """
        names = [patch.get("name") for patch in place.patches]
        if len(set(names)) < len(names):  # one patch may undo another
            there = {stage["name"] for stage in stages}
            patches = [patch for patch in place.patches if patch.get("name") in there]
            return self._made(stages, patches, place, faults, own)
        result = []
        for stage in stages:
            key = (id(stage), id(place))
            known = self._known.get(key)
            if known is None:
                before = len(faults), len(own)
                patches = [patch for patch in place.patches if patch.get("name") == stage["name"]]
                known = stage, self._made([stage], patches, place, faults, own)
                if before == (len(faults), len(own)):
                    self._known[key] = known
            result += known[1]
        return result

    def giver(self, stage: Plain) -> str | None:
        """Return which of its values made a stage what it is, if one did."""
        found = self._givers.get(id(stage))
        return None if found is None else found[1]

    def _made(
        self,
        stages: list[Plain],
        patches: list[Plain],
        place: Place,
        faults: list[SpecError],
        own: list[SpecError],
    ) -> list[Plain]:
        merged = merge_items(Stage, stages, patches, f"{place.where}.stages", faults=faults)
        result = [self._at_paths(stage, place, own) for stage in merged]
        before = {id(stage) for stage in stages}
        self._givers.update({id(stage): (stage, place.where) for stage in result if id(stage) not in before})
        return result

    def _at_paths(self, stage: Plain, place: Place, own: list[SpecError]) -> Plain:
        for index, path in enumerate(self.axis.paths):
            name, *rest = path.split(".")
            if stage["name"] == name:
                stage = self._set(stage, rest, place.amount, index, own) or stage
        return stage

    def _has(self, stages: list[Plain], path: str, index: int, faults: list[SpecError]) -> bool:
        name, *rest = path.split(".")
        stage = next((item for item in stages if item["name"] == name), None)
        return stage is not None and (not rest or self._set(stage, rest, None, index, faults) is not None)

    def _set(
        self, stage: Plain, path: list[str], value: Any, index: int, faults: list[SpecError]
    ) -> Plain | None:
        try:
            return _set(Stage, stage, path, value, self.axis.paths[index])
        except SpecError as error:
            faults.append(SpecError(f"{self.where}.paths[{index}]", error.found, error.do))
            return None


def plain(model: Any) -> Plain:
    """Return a model's words as its author wrote them."""
    dumped: Plain = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return dumped


def _label(value: float | str) -> str:
    return value if isinstance(value, str) else format(value, "g") if isinstance(value, float) else str(value)


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
    if field.mapping and len(rest) == 1:
        return {**base, head: {**inside, rest[0]: value}} if rest[0] in inside else None
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
            if not way:
                raise SpecError(
                    f"path {whole!r}",
                    f"found no field of {name!r}, expected one: {', '.join(field_by_alias(model))}",
                    "Name the field.",
                )
            changed = _set(model, item, way, value, whole)
            return None if changed is None else [*items[:position], changed, *items[position + 1 :]]
    return None
