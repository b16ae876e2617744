"""Why one stage is not another: the fields in which their identities differ."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from assay.artifacts.documents import StageDocument

ABSENT = "absent"
_ORDER = "(order)"  # of a list's items, as a member; no field has such a name
_DIGEST = re.compile(r"([0-9a-f]{12})[0-9a-f]{52}")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One field of two identities."""

    path: str  # such as `steps.shortInput.minWords`
    mine: Any
    theirs: Any

    def __str__(self) -> str:
        if ABSENT in (self.mine, self.theirs):
            return f"{self.path} only {'there' if self.mine == ABSENT else 'here'}"
        return f"{self.path}: {short(self.mine)} here, {short(self.theirs)} there"

    def is_read(self, reads: frozenset[str]) -> bool:
        """Say whether it is only that another artifact is read."""
        return any(isinstance(value, str) and value in reads for value in (self.mine, self.theirs))

    @property
    def is_implied(self) -> bool:
        """Whether it is the order of a list's items, and says no more than that some of them are in one of two lists alone."""
        if self.path.rpartition(".")[2] != _ORDER:
            return False
        mine, theirs = ([] if value == ABSENT else value.split() for value in (self.mine, self.theirs))
        return [name for name in mine if name in theirs] == [name for name in theirs if name in mine]


def differences(mine: StageDocument, theirs: StageDocument) -> list[Difference]:
    """Return every field in which two stages differ; none for the same stage."""
    found = list(_differences("", mine.spec, theirs.spec))
    if mine.semantics != theirs.semantics:
        found.append(Difference(path="semantics", mine=mine.semantics, theirs=theirs.semantics))
    return found


def nearest(
    mine: StageDocument, others: Iterable[StageDocument]
) -> tuple[StageDocument, list[Difference]] | None:
    """Return, among stages of the same kind, the one that differs in the fewest fields, and in which."""
    compared = [(other, differences(mine, other)) for other in others if other.kind is mine.kind]
    return min(compared, key=lambda pair: (len(pair[1]), pair[0].fingerprint), default=None)


def _differences(path: str, mine: Any, theirs: Any) -> Iterator[Difference]:
    mine, theirs = _by_name(mine), _by_name(theirs)
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in [*mine, *(key for key in theirs if key not in mine)]:
            inner = f"{path}.{key}" if path else key
            yield from _differences(inner, mine.get(key, ABSENT), theirs.get(key, ABSENT))
    elif mine != theirs:
        yield Difference(path=path, mine=mine, theirs=theirs)


def _by_name(value: Any) -> Any:
    """A list of named items as a mapping, its order kept as a member; other lists by position."""
    if not isinstance(value, list | tuple) or not any(isinstance(item, dict) for item in value):
        return value
    names = [item.get("name") if isinstance(item, dict) else None for item in value]
    if None in names or len(set(names)) < len(names):
        return {str(index): item for index, item in enumerate(value)}
    return {**dict(zip(names, value, strict=True)), _ORDER: " ".join(str(name) for name in names)}


def told(value: Any) -> str:
    """Write a value for people: digests by their beginnings, whole numbers alike whether they were read from JSON or not."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return _DIGEST.sub(
        r"\1…",
        value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False),
    )


def short(value: Any) -> str:
    """Write a value in a few words."""
    text = told(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
