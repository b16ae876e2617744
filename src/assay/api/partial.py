"""Partial models: the same shape with no defaults and nothing required, still closed.

Arms and axis values are written in them. They are made from the spec's own classes, so a field can never exist in one
and not in the other. Items of named lists gain `remove`, `before` and `after`. What is written must still be sound by
itself (types, bounds, no two members of an exactly-one-of); the rest is known only after merging.
"""

from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin

from pydantic import Field, create_model, model_validator

from assay.api.model import Name, OneOf, SpecModel, fault, spelled


class Partial(SpecModel):
    """Marks a partial model; its fields are those that the author wrote (`model_fields_set`)."""

    whole: ClassVar[type[SpecModel]] = SpecModel  # what it is the partial form of

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if issubclass(self.whole, OneOf):
            present = [
                spelled(self.whole, name) for name in self.whole.one_of if getattr(self, name) is not None
            ]
            if len(present) > 1:
                raise fault(
                    f"found {' and '.join(present)}, expected at most one of them", "Keep one of them."
                )
        return self


class PartialItem(Partial):
    """A partial item of a named list."""

    remove: bool | None = Field(None, description="Delete the item of this name.")
    before: Name | None = Field(None, description="Insert before the item of this name.")
    after: Name | None = Field(None, description="Insert after the item of this name.")


@cache
def partial_of(model: type[SpecModel]) -> type[SpecModel]:
    """Make the partial form of a spec model: every field optional, absent unless written."""
    if issubclass(model, Partial):
        return model
    fields: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        annotation = _partial_annotation(field.annotation)
        if field.metadata:
            annotation = Annotated[annotation, *field.metadata]
        fields[name] = (annotation, Field(None, alias=field.alias, description=field.description))
    make: Any = create_model  # its type cannot follow fields that are known only now
    made: type[Partial] = make(
        f"Partial{model.__name__}",
        __base__=PartialItem if "name" in model.model_fields else Partial,
        __module__=model.__module__,
        __doc__=f"Partial form of {model.__name__}: {model.__doc__}",
        **fields,
    )
    made.whole = model
    return made


def _partial_annotation(annotation: Any) -> Any:
    """Put partial models in the place of models; None stays allowed only where the model allows it."""
    if isinstance(annotation, type) and issubclass(annotation, SpecModel):
        return partial_of(annotation)
    origin = get_origin(annotation)
    if origin not in (Union, UnionType, tuple, Annotated):
        return annotation
    arguments: Any = tuple(_partial_annotation(item) for item in get_args(annotation))
    if origin is tuple:
        return tuple[arguments]
    if origin is Annotated:
        return Annotated[arguments]
    union: Any = reduce(or_, arguments)
    return union
