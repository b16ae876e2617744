"""What a spec may say and no program can do yet: refused before anything starts, and again by the program itself."""

from collections.abc import Iterator, Mapping
from typing import Any

from assay.artifacts.kinds import Kind

Plain = Mapping[str, Any]


def unavailable(kind: Kind, spec: Plain) -> list[str]:
    """Name the field paths below a stage's spec (camelCase, resolved or not) that its program cannot carry out yet."""
    return list(_LOOK[kind](spec)) if kind in _LOOK else []


def _evaluate(spec: Plain) -> Iterator[str]:
    for place, task in enumerate(spec.get("tasks") or ()):
        if task.get("labelRate") is not None:
            yield f"tasks[{place}].labelRate"


def _compare(spec: Plain) -> Iterator[str]:
    yield from (name for name in ("dose", "derived") if spec["comparison"].get(name) is not None)


_LOOK = {Kind.EVALUATE: _evaluate, Kind.COMPARE: _compare}
