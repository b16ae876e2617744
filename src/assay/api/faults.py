"""What pydantic found wrong, told in assay's words: where, what against what was expected, what to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from assay.api.model import IN_WORDS
from assay.api.secrets import redacted
from assay.api.written import Path, Written
from assay.errors import SpecError

_LONGEST_SHOWN = 60


def faults_of(root: type[BaseModel], errors: list[ErrorDetails], written: Written) -> list[SpecError]:
    """Return one fault for each of pydantic's errors, in the order of the text."""
    order = {path: (line, index) for index, (path, line) in enumerate(written.lines.items())}
    ordered = sorted(errors, key=lambda error: order.get(_known(error["loc"], order), (0, 0)))
    return [_fault(root, error, written) for error in ordered if not _follows(error, errors)]


def shown(value: Any) -> str:
    """Return a value in a few words, without secrets."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return f"fields ({', '.join(map(str, list(value)[:3]))}{', …' if len(value) > 3 else ''})"
        case list() | tuple():
            return f"a list of {len(value)}"
        case str():
            text = redacted(value)
            return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…")
    return str(value)


def did_you_mean(word: str, known: list[str], otherwise: str = "") -> str:
    """Suggest the nearest known word, or else say something else."""
    near = get_close_matches(word, known, n=1) or [item for item in known if item.lower() == word.lower()]
    return f"Did you mean `{near[0]}`?" if near else otherwise


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What stands where an error is: the model, and its field when there is one."""

    model: type[BaseModel]
    name: str  # of the field
    field: FieldInfo | None

    @property
    def names(self) -> list[str]:
        return [field.alias or name for name, field in self.model.model_fields.items()]

    @property
    def teaching(self) -> str:
        """What the field is for, as a hint."""
        return f" ({self.name}: {self.field.description})" if self.field and self.field.description else ""


def _follows(error: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Say whether a list is too short only because its items are at fault."""
    loc = error["loc"]
    return error["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in errors
    )


def _known(loc: Path, order: Mapping[Path, tuple[int, int]]) -> Path:
    return next((loc[:end] for end in range(len(loc), -1, -1) if loc[:end] in order), ())


def _fault(root: type[BaseModel], error: ErrorDetails, written: Written) -> SpecError:
    path = tuple(part for part in error["loc"] if part != "[key]")
    place = _place(root, path)
    context = error.get("ctx", {})
    if error["type"] == "fault":
        found, do = context["found"], context["do"]
    elif error["type"] == "extra_forbidden":
        word = str(path[-1])
        found = f"found unknown field `{word}`, expected one of {', '.join(place.names)}"
        do = did_you_mean(word, place.names, "Remove it.")
    elif error["type"] == "missing":
        found, do = _missing(path[-1], place)
    else:
        expected, do = _EXPECTED.get(error["type"], _otherwise)(error, context, place)
        found = f"found {shown(error['input'])}, expected {expected}"
    return SpecError(written.where(path), found, do)


def _missing(part: str | int, place: _Place) -> tuple[str, str]:
    if isinstance(part, int):
        return "found too few items, expected one more here", f"Add it.{place.teaching}"
    only = get_args(place.field.annotation) if place.field else ()
    if len(only) == 1 and isinstance(only[0], str):
        return f"found no `{part}`, expected {only[0]}", f"Add `{part}: {only[0]}`."
    return f"found no `{part}`, expected one", f"Add `{part}`.{place.teaching}"


def _place(root: type[BaseModel], path: Path) -> _Place:
    """Find the model that a path leads into, and the field that it ends at."""
    model: type[BaseModel] = root
    name, field = "", None
    inner: type[BaseModel] | None = root
    for part in path:
        if isinstance(part, int):
            continue
        if inner is None:
            break
        model, inner, name = inner, None, part
        field = next(
            (item for name, item in model.model_fields.items() if (item.alias or name) == part), None
        )
        inner = _nested(field.annotation) if field else None
    ends_inside = path and isinstance(path[-1], int) and inner is not None
    return _Place(model=inner if ends_inside and inner else model, name=name, field=field)


def _nested(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is None:
        return None
    return next((found for item in get_args(annotation) if (found := _nested(item))), None)


Told = tuple[str, str]
Context = Mapping[str, Any]


def _otherwise(error: ErrorDetails, _context: Context, place: _Place) -> Told:
    message = error["msg"].removeprefix("Input should be ").removeprefix("Value should ")
    return message[:1].lower() + message[1:], f"Correct it.{place.teaching}"


def _is(expected: str, do: str = "Correct it.") -> Callable[[ErrorDetails, Context, _Place], Told]:
    return lambda _error, _context, place: (expected, f"{do}{place.teaching}")


def _number(expected: str) -> Callable[[ErrorDetails, Context, _Place], Told]:
    def told(error: ErrorDetails, _context: Context, place: _Place) -> Told:
        value = error["input"]
        do = "Correct it."
        if isinstance(value, str):
            do = "Remove the quotes." if _is_number(value) else "Write a number."
        elif isinstance(value, float) and value.is_integer():
            do = f"Write {value:.0f}."
        return expected, f"{do}{place.teaching}"

    return told


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _bool(error: ErrorDetails, _context: Context, place: _Place) -> Told:
    word = str(error["input"]).lower()
    do = {"yes": "Write true.", "on": "Write true.", "no": "Write false.", "off": "Write false."}.get(word)
    return "true or false", f"{do or 'Write one of them.'}{place.teaching}"


def _choice(error: ErrorDetails, context: Context, place: _Place) -> Told:
    expected = str(context["expected"]).replace("'", "")
    words = expected.replace(" or ", ", ").split(", ")
    return expected, did_you_mean(
        str(error["input"]),
        words,
        f"Write one of them.{place.teaching}" if len(words) > 1 else f"Write {expected}.",
    )


def _bound(words: str, key: str) -> Callable[[ErrorDetails, Context, _Place], Told]:
    return lambda _error, context, place: (f"{words} {context[key]:g}", f"Change it.{place.teaching}")


def _length(words: str, key: str, unit: str) -> Callable[[ErrorDetails, Context, _Place], Told]:
    def told(_error: ErrorDetails, context: Context, place: _Place) -> Told:
        return (
            f"{words} {context[key]} {unit}",
            f"{'Shorten' if words == 'at most' else 'Lengthen'} it.{place.teaching}",
        )

    return told


def _pattern(_error: ErrorDetails, context: Context, place: _Place) -> Told:
    pattern = str(context["pattern"])
    return IN_WORDS.get(pattern, f"text that fits {pattern}"), f"Correct it.{place.teaching}"


_EXPECTED: Mapping[str, Callable[[ErrorDetails, Context, _Place], Told]] = {
    "int_type": _number("a whole number"),
    "int_from_float": _number("a whole number"),
    "int_parsing_size": _number("a whole number within 64 bits"),
    "float_type": _number("a number"),
    "finite_number": _number("a finite number"),
    "bool_type": _bool,
    "string_type": _is("text", "Put it in quotes, or correct it."),
    "tuple_type": _is("a list", "Write it as `- item` lines, or in [ ]."),
    "dict_type": _is("fields", "Write it as `field: value` lines, or in { }."),
    "model_type": _is("fields", "Write it as `field: value` lines, or in { }."),
    "model_attributes_type": _is("fields", "Write it as `field: value` lines, or in { }."),
    "enum": _choice,
    "literal_error": _choice,
    "greater_than": _bound("more than", "gt"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than": _bound("less than", "lt"),
    "less_than_equal": _bound("at most", "le"),
    "string_too_long": _length("at most", "max_length", "characters"),
    "string_too_short": _length("at least", "min_length", "characters"),
    "too_long": _length("at most", "max_length", "items"),
    "too_short": _length("at least", "min_length", "items"),
    "string_pattern_mismatch": _pattern,
}
