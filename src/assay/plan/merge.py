"""How an arm's words change the pipeline's.

Both are plain mappings in YAML's shape, guided by the spec's models. A member of an exactly-one-of clears the others;
items of named lists and members of mappings merge by name, `remove: true` deletes an item, `before`/`after` place an insert. Nothing is changed in
place, and what a patch does not touch is the very same object afterwards, so that callers may compare by identity.
"""

from functools import cache
from typing import Any

from assay.api.experiment import Stage
from assay.api.faults import did_you_mean
from assay.api.model import OneOf, SpecModel, left_empty
from assay.errors import SpecError
from assay.plan.shape import FieldShape, field_by_alias, shape_of

Plain = dict[str, Any]

_PLACEMENT = ("remove", "before", "after")


def merge(
    model: type[SpecModel], base: Plain, patch: Plain, where: str, *, faults: list[SpecError] | None = None
) -> Plain:
    """Return `base` with `patch` laid over it.

    Raises:
        SpecError: the patch removes, or is placed beside, what is not there; with `faults`, these are added there
            and such items left out.

    """
    fields = field_by_alias(model)
    result = _without_other_members(model, base, patch)
    for alias, value in patch.items():
        field = fields[alias]
        if field.nested is not None and value is not None:
            result[alias] = merge(
                field.nested, result.get(alias) or {}, value, f"{where}.{alias}", faults=faults
            )
        elif field.named_items and value is not None:
            result[alias] = merge_items(
                _items(field), result.get(alias) or [], value, f"{where}.{alias}", faults=faults
            )
        elif field.mapping and value is not None:
            result[alias] = {**(result.get(alias) or {}), **value}
        else:
            result[alias] = value
    return result


def merge_items(
    model: type[SpecModel],
    base: list[Plain],
    patch: list[Plain],
    where: str,
    *,
    faults: list[SpecError] | None = None,
) -> list[Plain]:
    """Return a named list with the items of `patch` merged, inserted or removed.

    Raises:
        SpecError: as `merge`.

    """
    result = list(base)
    for index, item in enumerate(patch):
        place = f"{where}[{index}]"
        try:
            name = item_name(model, item, place)
            words = {key: value for key, value in item.items() if key not in _PLACEMENT} | {"name": name}
            names = [item_name(model, existing, place) for existing in result]
            if item.get("remove"):
                del result[_position(names, name, place, "remove")]
            elif name in names:
                at = names.index(name)
                result[at] = merge(model, result[at], words, f"{where}[{name}]", faults=faults)
            else:
                result.insert(_insertion(names, item, place), words)
        except SpecError as error:
            if faults is None:
                raise
            faults.append(error)
    return result


def item_name(model: type[SpecModel], item: Plain, where: str) -> str:
    """Return an item's name; a step without one goes by its kind.

    Raises:
        SpecError: it has none.

    """
    if item.get("name") is not None:
        return str(item["name"])
    members = [alias for alias in member_aliases(model) if item.get(alias) is not None]
    if model is not Stage and len(members) == 1:
        return members[0]
    if model is not Stage and not members:
        for shape in _members(model):
            if shape.alias in item:
                raise SpecError(where, *left_empty(model, shape.attribute))
    raise SpecError(where, "found an item without a name, expected one", "Add `name`.")


def member_aliases(model: type[SpecModel]) -> list[str]:
    """The members of an exactly-one-of, as in YAML; none for other models."""
    return [shape.alias for shape in _members(model)]


@cache
def _members(model: type[SpecModel]) -> tuple[FieldShape, ...]:
    if not issubclass(model, OneOf):
        return ()
    return tuple(shape for shape in shape_of(model) if shape.attribute in model.one_of)


def _without_other_members(model: type[SpecModel], base: Plain, patch: Plain) -> Plain:
    members = member_aliases(model)
    if not any(patch.get(alias) is not None for alias in members):
        return dict(base)
    assert issubclass(model, OneOf)  # noqa: S101 -- only such have members
    dropped = {alias for alias in members if patch.get(alias) is None}
    attributes = {shape.attribute: shape.alias for shape in shape_of(model)}
    dropped |= {
        attributes[name] for name, member in model.companions.items() if attributes[member] in dropped
    }
    return {alias: value for alias, value in base.items() if alias not in dropped}


def _items(field: FieldShape) -> type[SpecModel]:
    assert field.items is not None  # noqa: S101 -- asked by the caller
    return field.items


def _position(names: list[str], name: str, where: str, verb: str) -> int:
    if name not in names:
        raise SpecError(
            where,
            f"found {verb} of {name!r}, expected one of {', '.join(names) or 'nothing: the list is empty'}",
            did_you_mean(name, names, f"Remove the line, or name what is there to {verb}."),
        )
    return names.index(name)


def _insertion(names: list[str], item: Plain, where: str) -> int:
    if item.get("before") is not None:
        return _position(names, item["before"], where, "before")
    if item.get("after") is not None:
        return _position(names, item["after"], where, "after") + 1
    return len(names)
