"""Plain values as JSON, on the way between a judge and a candidate.

What comes in is rebuilt from Python's own types alone, so no value can answer `==` as it likes. What goes out may be of a
type that inherits from one of them, and becomes that one; an iterator becomes an iterator over what it gave.
"""

import itertools
import json
import sys
from collections.abc import Callable, ItemsView, Iterator, KeysView, ValuesView
from importlib import import_module
from typing import Any

LONGEST = 16 << 20  # of a message, in bytes
_MOST_ITEMS = 1_000_000  # of an iterator, which may have no end

Plain = Any  # what JSON can say

_BY_TEXT = {"Decimal": "decimal", "Fraction": "fractions"}  # numbers that a text says whole → their module
_SEQUENCES: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "iterator": iter,
}


class Untransferable(Exception):
    """A value that is not made of plain ones."""


def packed(value: Any) -> bytes:
    """Return a line of JSON.

    Raises:
        Untransferable: of such a type, in itself, or too long.

    """
    try:
        line = json.dumps(_out(value)).encode() + b"\n"
    except (RecursionError, ValueError) as error:
        raise Untransferable(str(error)) from error
    if len(line) > LONGEST:
        raise Untransferable(f"{len(line)} bytes")
    return line


def unpacked(line: bytes) -> Any:
    """Return what a line of JSON stands for; the sender is trusted with nothing.

    Raises:
        Untransferable: it stands for nothing.

    """
    try:
        return _in(json.loads(line))
    except (RecursionError, ArithmeticError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Untransferable(f"{type(error).__name__}: {error}") from error


def _out(value: Any) -> Plain:  # noqa: PLR0911 -- one line for each type
    if value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        return {"int": hex(value)}
    if isinstance(value, float):
        return {"float": float.hex(value)}
    if isinstance(value, complex):
        return {"complex": [float.hex(value.real), float.hex(value.imag)]}
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bytes | bytearray):
        return {"bytes": value.hex()}
    for name, module in _BY_TEXT.items():
        if module in sys.modules and isinstance(value, getattr(sys.modules[module], name)):
            return {name: str(value)}
    return _out_of_many(value)


def _out_of_many(value: Any) -> Plain:
    if isinstance(value, dict):
        return {"dict": [[_out(key), _out(item)] for key, item in dict.items(value)]}
    if isinstance(value, list):
        return [_out(item) for item in list.__iter__(value)]
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    for name, kinds in (
        ("tuple", tuple),
        ("set", set),
        ("frozenset", frozenset),
        ("iterator", (Iterator, KeysView, ValuesView, ItemsView)),
    ):
        if isinstance(value, kinds):
            return {name: [_out(item) for item in itertools.islice(value, _MOST_ITEMS)]}
    raise Untransferable(f"a value of type {type(value).__name__}")


def _in(value: Plain) -> Any:  # noqa: PLR0911 -- one line for each type
    if isinstance(value, list):
        return [_in(item) for item in value]
    if not isinstance(value, dict):
        return value
    [(name, content)] = value.items()
    if name == "int":
        return int(content, 16)
    if name == "float":
        return float.fromhex(content)
    if name == "complex":
        return complex(*map(float.fromhex, content))
    if name == "bytes":
        return bytes.fromhex(content)
    if name == "dict":
        return {_in(key): _in(item) for key, item in content}
    if name == "range":
        return range(*content)
    if name in _BY_TEXT:
        return getattr(import_module(_BY_TEXT[name]), name)(str(content))
    return _SEQUENCES[name]([_in(item) for item in content])
