"""What a spec model is made of: its nested models, named lists and marked fields, found once per class."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

from assay.api.model import Neutral, Outside, Refers, SpecModel


@dataclass(frozen=True, kw_only=True)
class FieldShape:
    """One field of a spec model."""

    attribute: str  # snake_case
    alias: str  # camelCase, as in YAML
    nested: type[SpecModel] | None  # the model it holds
    items: type[SpecModel] | None  # the model its list items are
    mapping: bool  # a mapping of one's own names
    refers: Refers | None
    outside: bool
    neutral: Neutral | None
    absent_is_none: bool  # None is its default, hence says nothing

    @property
    def named_items(self) -> bool:
        """Whether it is a list whose items have names."""
        return self.items is not None and "name" in self.items.model_fields


@cache
def shape_of(model: type[SpecModel]) -> tuple[FieldShape, ...]:
    """Return the shape of every field, in order."""
    shapes = []
    for attribute, field in model.model_fields.items():
        types, markers = _leaves(field.annotation)
        markers += field.metadata
        is_list = any(get_origin(part) is tuple for part in _members(field.annotation))
        model_type = next(
            (item for item in types if isinstance(item, type) and issubclass(item, SpecModel)), None
        )
        shapes.append(
            FieldShape(
                attribute=attribute,
                alias=field.alias or attribute,
                nested=None if is_list else model_type,
                items=model_type if is_list else None,
                mapping=get_origin(field.annotation) is dict,
                refers=next((item for item in markers if isinstance(item, Refers)), None),
                outside=any(isinstance(item, Outside) for item in markers),
                neutral=next((item for item in markers if isinstance(item, Neutral)), None),
                absent_is_none=field.default is None,
            )
        )
    return tuple(shapes)


@cache
def field_by_alias(model: type[SpecModel]) -> dict[str, FieldShape]:
    """Return the shapes by their YAML names."""
    return {shape.alias: shape for shape in shape_of(model)}


@cache
def telling_fields(model: type[SpecModel]) -> tuple[FieldShape, ...]:
    """Return the fields that name a stage or outside content, or hold what, however deep, may do so."""
    return tuple(
        shape for shape in shape_of(model) if any(inner.refers or inner.outside for inner in _below(shape))
    )


@cache
def outside_names(model: type[SpecModel]) -> frozenset[str]:
    """Return the YAML names of all fields, however deep, that name content outside the store."""
    return frozenset(inner.alias for shape in shape_of(model) for inner in _below(shape) if inner.outside)


def _below(shape: FieldShape) -> Iterator[FieldShape]:
    """Yield a field and all that are in what it holds, however deep."""
    yield shape
    todo, seen = [shape.nested, shape.items], set[type[SpecModel]]()
    while todo:
        model = todo.pop()
        if model is None or model in seen:
            continue
        seen.add(model)
        for inner in shape_of(model):
            yield inner
            todo += [inner.nested, inner.items]


def _members(annotation: Any) -> list[Any]:
    """The members of a union, or the annotation alone."""
    if (
        get_origin(annotation) is not None
        and get_origin(annotation) is not tuple
        and not hasattr(annotation, "__metadata__")
    ):
        return [part for member in get_args(annotation) for part in _members(member)]
    return [annotation]


def _leaves(annotation: Any) -> tuple[list[Any], list[Any]]:
    """The types at the leaves of an annotation, and the markers met on the way."""
    if hasattr(annotation, "__metadata__"):
        types, markers = _leaves(annotation.__origin__)
        return types, markers + list(annotation.__metadata__) + _field_markers(annotation.__metadata__)
    if get_origin(annotation) is None:
        return [annotation], []
    pairs = [_leaves(argument) for argument in get_args(annotation)]
    return [item for types, _ in pairs for item in types], [item for _, markers in pairs for item in markers]


def _field_markers(metadata: tuple[Any, ...]) -> list[Any]:
    return [marker for item in metadata for marker in getattr(item, "metadata", [])]
