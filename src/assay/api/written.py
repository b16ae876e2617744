"""YAML text as plain values that know on which lines they stand.

YAML 1.2: `1e-4` is a number, `no` is text. Only what JSON can say gets through, since an API server stores nothing
else: text as keys, finite numbers, no tags. Aliases and merge keys (`<<`) are resolved, within bounds.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from assay.errors import SpecError, SpecErrors

Path = tuple[str | int, ...]

_MOST_BYTES = 3 * 1024 * 1024  # an API server takes no larger request
_MOST_VALUES = 500_000  # after aliases, against a file that multiplies itself
_DEEPEST = 64
_LONGEST_NUMBER = 64  # characters
_TAG = "tag:yaml.org,2002:"
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_STEP = re.compile(r"\.?(?P<field>[A-Za-z_][\w-]*)|\[(?P<index>\d+)\]( \([\w-]+\))?|\[(?P<name>[\w-]+)\]")
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
}


@dataclass(frozen=True, kw_only=True)
class Written:
    """A document as its author wrote it, or as an API server returned it (then without source and lines)."""

    value: Any
    source: str = ""
    lines: Mapping[Path, int] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        """Return a field path with the names of items, and the file and line, such as `spec.arms[2] (base), a.yaml:7`."""
        text = field_path(self.value, path)
        line = next(
            (self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines), 0
        )
        place = f"{self.source}:{line}" if line else self.source
        return f"{text}, {place}" if text and place else text or place or "the document"

    def placed(self, error: SpecError) -> SpecError:
        """Return an error whose place is a field path without a line with the line on which that field stands."""
        if isinstance(error, SpecErrors):
            return SpecErrors([self.placed(fault) for fault in error.faults])
        path = path_of(self.value, error.where)
        if not path or not self.source or self.source in error.where:
            return error
        place = self.where(path).removeprefix(field_path(self.value, path))
        return SpecError(f"{error.where}{place}", error.found, error.do)


def field_path(value: Any, path: Path) -> str:
    """Return a path as people read it: `spec.pipeline[0] (sft).train.optimizer.lr`."""
    text = ""
    for part in path:
        value = _inside(value, part)
        if isinstance(part, int):
            name = value.get("name") if isinstance(value, dict) else None
            text += f"[{part}] ({name})" if isinstance(name, str) and len(name) <= 63 else f"[{part}]"
        elif re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{part[:80]!r}]"
    return text


def path_of(value: Any, text: str) -> Path:
    """Return the longest beginning of a path as people read it that leads somewhere; items go by number or by name."""
    path: Path = ()
    end = 0
    while step := _STEP.match(text, end):
        part: str | int | None = step["field"] or (int(step["index"]) if step["index"] else None)
        if part is None and isinstance(value, list):
            names = [item.get("name") if isinstance(item, dict) else None for item in value]
            part = names.index(step["name"]) if step["name"] in names else None
        value = None if part is None else _inside(value, part)
        if value is None or part is None:
            break
        path, end = (*path, part), step.end()
    return path


def read(text: str | bytes, source: str) -> Written:
    """Read one YAML document.

    Raises:
        SpecErrors: it is no YAML, says what JSON cannot, repeats a key, or is not alone in its file.

    """
    reader = _Reader(source)
    node = _composed(_decoded(text, source), source)
    if node is None:
        raise _unreadable(source, "found an empty file, expected one document", "Write one.")
    value = reader.value(node, ())
    if reader.faults:
        raise SpecErrors(reader.faults)
    return Written(value=value, source=source, lines=reader.lines)


def _inside(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def _unreadable(where: str, found: str, do: str) -> SpecErrors:
    return SpecErrors([SpecError(where, found, do)])


def _decoded(text: str | bytes, source: str) -> str:
    if len(text) > _MOST_BYTES:
        raise _unreadable(
            source,
            f"found {len(text)} bytes, expected at most {_MOST_BYTES}: no API server takes more",
            "Make the experiment smaller, or split it.",
        )
    if isinstance(text, str):
        return text.removeprefix("\ufeff")
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise _unreadable(
            f"{source}:{line}",
            f"found byte 0x{text[error.start]:02x}, expected UTF-8",
            "Save the file as UTF-8.",
        ) from error


def _composed(text: str, source: str) -> Node | None:
    """Return the document's tree of nodes, or None when there is none."""
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        problem = " ".join(part for part in (error.context, error.problem) if part)
        if "expected a single document" in problem:
            raise _unreadable(
                place, "found another document, expected one per file", "Split the file at `---`."
            ) from error
        raise _unreadable(
            place,
            f"found text that is no YAML ({problem}), expected YAML",
            "Look at the indentation, quotes and brackets there.",
        ) from error
    except ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise _unreadable(
            f"{source}:{line}",
            f"found the character {_code(error.character)}, expected text without control characters",
            "Remove it.",
        ) from error
    except Exception as error:  # the parser's own slips on odd input are still the input's fault
        raise _unreadable(
            source,
            f"found text that is no YAML ({type(error).__name__} while reading), expected YAML",
            "Look for odd escapes and very deep nesting.",
        ) from error
    return node


def _code(character: int | str) -> str:
    return f"U+{character if isinstance(character, int) else ord(character):04X}"


class _Reader:
    """Turns nodes into values, and notes their lines and faults on the way."""

    def __init__(self, source: str) -> None:
        self.lines: dict[Path, int] = {}
        self.faults: list[SpecError] = []
        self._source = source
        self._values = 0

    def value(self, node: Node, path: Path) -> Any:
        self._values += 1
        if len(path) > _DEEPEST or self._values > _MOST_VALUES:
            raise _unreadable(
                self._place(node),
                f"found more than {_DEEPEST} levels or {_MOST_VALUES} values, aliases resolved, expected fewer",
                "Does an alias contain itself?",
            )
        self.lines.setdefault(path, node.start_mark.line + 1)
        kind = str(node.tag).removeprefix(_TAG)
        if isinstance(node, MappingNode) and kind == "map":
            return self._mapping(node, path)
        if isinstance(node, SequenceNode) and kind == "seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and kind in {
            "str",
            "int",
            "float",
            "bool",
            "null",
            "timestamp",
            "value",
        }:
            return self._scalar(node, path, is_text=kind == "str")
        self._fault(node, path, f"found the tag {str(node.tag)[:80]!r}, expected none", "Remove the tag.")
        return None

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: list[Node] = []
        for key, item in node.value:
            if not isinstance(key, ScalarNode):
                self._fault(key, path, "found a list or mapping as a key, expected a name", "Write a name.")
            elif str(key.tag) == f"{_TAG}merge":
                merged += item.value if isinstance(item, SequenceNode) else [item]
            elif key.value in result:
                self._fault(
                    key,
                    (*path, key.value),
                    f"found {key.value!r} twice, expected it once",
                    "Remove one of them.",
                )
            else:
                self.lines[*path, key.value] = key.start_mark.line + 1
                result[key.value] = self.value(item, (*path, key.value))
        for node_merged in merged:
            if not isinstance(node_merged, MappingNode):
                self._fault(node_merged, path, "found << without a mapping, expected one", "Write an alias.")
                continue
            for key, value in self._mapping(node_merged, path).items():
                result.setdefault(key, value)
        return result

    def _scalar(self, node: ScalarNode, path: Path, *, is_text: bool) -> Any:
        text: str = node.value
        if is_text or node.style is not None:
            return self._text(node, path)
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.fullmatch(text):
            self._fault(node, path, f"found {text}, expected a finite number", "Write a number.")
            return None
        if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
            return self._number(node, path)
        return self._text(node, path)

    def _number(self, node: ScalarNode, path: Path) -> int | float | None:
        text: str = node.value
        if _LEADING_ZERO.fullmatch(text):
            self._fault(
                node,
                path,
                f"found {text}, which kubectl reads as octal, expected a plain number",
                "Remove the leading zero.",
            )
            return None
        if len(text) <= _LONGEST_NUMBER:
            based = text[:2] in {"0o", "0x"}
            number = int(text, 0) if based else int(text) if _INTEGER.fullmatch(text) else float(text)
            if -(2**63) <= number < 2**63 or (isinstance(number, float) and math.isfinite(number)):
                return number
        self._fault(
            node,
            path,
            f"found {text[:_LONGEST_NUMBER]}, expected a number within 64 bits",
            "Write a smaller one.",
        )
        return None

    def _text(self, node: ScalarNode, path: Path) -> str:
        text: str = node.value
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._fault(
                node, path, "found half of a character (a lone surrogate), expected text", "Remove it."
            )
        return text

    def _fault(self, node: Node, path: Path, found: str, do: str) -> None:
        where = field_path(None, path)
        place = self._place(node)
        self.faults.append(SpecError(f"{where}, {place}" if where else place, found, do))

    def _place(self, node: Node) -> str:
        return f"{self._source}:{node.start_mark.line + 1}"


def walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every value inside a plain value, with its path, itself first."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from walk(item, (*path, key))
