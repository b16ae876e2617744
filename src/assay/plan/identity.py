"""From a stage's words to its identity: references become artifacts, outside inputs become their content.

What is left out of identity: the stage's own name, values at which a field is neutral, and options that are absent by
default. Everything else is in, spelled as in YAML.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from assay.api.clean import Step
from assay.api.model import Refers, SpecModel
from assay.plan.shape import shape_of, telling_fields

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A field that names a stage."""

    path: Path
    target: str  # `stage` or `arm/stage`
    refers: Refers
    holder: SpecModel  # the model that the field belongs to, for what it says beside it


@dataclass(frozen=True, kw_only=True)
class OutsideInput:
    """A field that names content outside the store."""

    path: Path
    uri: str
    revision: str | None  # of a hub model

    @property
    def key(self) -> str:
        """How resolved inputs are looked up."""
        return self.uri if self.revision is None else f"{self.uri}@{self.revision}"


def references(model: SpecModel, path: Path = ()) -> Iterator[Reference]:
    """Find every field that names a stage, in order."""
    for shape, value, place in _walk(model, path):
        if shape.refers is not None:
            yield Reference(path=place, target=value, refers=shape.refers, holder=model)
        else:
            for inner, inner_path in _inside(value, place):
                yield from references(inner, inner_path)


def outside_inputs(model: SpecModel, path: Path = ()) -> Iterator[OutsideInput]:
    """Find every field that names outside content, in order."""
    for shape, value, place in _walk(model, path):
        if shape.outside:
            yield OutsideInput(path=place, uri=value, revision=getattr(model, "revision", None))
        else:
            for inner, inner_path in _inside(value, place):
                yield from outside_inputs(inner, inner_path)


def identity(model: SpecModel) -> dict[str, Any]:
    """Return the model's words as they enter a fingerprint, references and URIs still as written."""
    result: dict[str, Any] = {}
    for shape in shape_of(type(model)):
        value = getattr(model, shape.attribute)
        if (
            value is None
            and shape.absent_is_none
            and not (isinstance(model, Step) and shape.attribute == "name")
        ):
            continue
        if shape.neutral is not None and value == shape.neutral.value:
            continue
        result[shape.alias] = _plain(value)
    if isinstance(model, Step):
        result["name"] = model.label
    return result


def substitute(value: Any, changes: Mapping[Path, Any]) -> Any:
    """Return a plain value with what stands at some paths replaced; what has none of them below it is the same object."""
    for path, new in changes.items():
        value = _with(value, path, new)
    return value


def _with(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    first, *rest = path
    changed = value.copy()
    changed[first] = _with(value[first], tuple(rest), new)
    return changed


def _plain(value: Any) -> Any:
    if isinstance(value, SpecModel):
        return identity(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return getattr(value, "value", value)  # an enum's value


def _walk(model: SpecModel, path: Path) -> Iterator[tuple[Any, Any, Path]]:
    for shape in telling_fields(type(model)):
        value = getattr(model, shape.attribute)
        if value is not None:
            yield shape, value, (*path, shape.alias)


def _inside(value: Any, path: Path) -> Iterator[tuple[SpecModel, Path]]:
    if isinstance(value, SpecModel):
        yield value, path
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            if isinstance(item, SpecModel):
                yield item, (*path, index)
