"""Partial models: the same shape with no defaults and nothing required, still closed.

Arms and axis values are written in them. They are made from the spec's own classes, so a field can never exist in one
and not in the other. Items of named lists gain `remove`, `before` and `after`.
"""

from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import Field, create_model

from assay.api.model import Name, SpecModel


class Partial(SpecModel):
    """Marks a partial model; its fields are those that the author wrote (`model_fields_set`)."""


class PartialItem(Partial):
    """A partial item of a named list."""

    remove: bool | None = Field(None, description="Delete the item of this name.")
    before: Name | None = Field(None, description="Insert before the item of this name.")
    after: Name | None = Field(None, description="Insert after the item of this name.")


@cache
def partial_of(model: type[SpecModel]) -> type[SpecModel]:
    """Make the partial form of a spec model: every field optional, absent unless written."""
    base = PartialItem if "name" in model.model_fields else Partial
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        annotation = _partial_annotation(field.annotation)
        constraints = [item for item in field.metadata if not isinstance(item, type)]
        if constraints:
            annotation = Annotated[annotation, *constraints]
        fields[name] = (
            annotation | None if not constraints else Annotated[annotation, ...] | None,
            Field(None, alias=field.alias, description=field.description),
        )
    doc = f"Partial form of {model.__name__}: {model.__doc__}"
    return create_model(
        f"Partial{model.__name__}", __base__=base, __module__=model.__module__, __doc__=doc, **fields
    )


def _partial_annotation(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, SpecModel):
        return partial_of(annotation)
    origin = get_origin(annotation)
    if origin is None:
        return annotation
    arguments = tuple(_partial_annotation(item) for item in get_args(annotation))
    if origin in (Union, UnionType):
        return reduce(or_, arguments)
    if origin is tuple:
        return tuple[arguments]
    if origin is Annotated:
        return Annotated[arguments]
    return annotation
