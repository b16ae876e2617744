"""What each arm says otherwise than the one it is held against, as its stages are resolved."""

from collections.abc import Sequence
from typing import Any

from assay.plan.between import Arms
from assay.plan.explain import ABSENT, told
from assay.plan.plan import Plan

Plain = dict[str, Any]

_MOST = 8  # values of one field, of so many runs


def arm_differences(plan: Plan) -> list[Plain]:
    """Return for the arms of every contrast the fields in which they differ, each with both values as text; "" where it is not there."""
    arms = Arms(plan)
    return [
        {
            "a": a,
            "b": b,
            "fields": [
                {"field": field.path, "a": _told(field.a), "b": _told(field.b)} for field in arms.fields(a, b)
            ],
        }
        for a, b in arms.pairs()
    ]


def _told(values: Sequence[Any]) -> str:
    """Write one field's values: those of several runs beside each other where they are."""
    there = [value for value in values if value != ABSENT]
    if not there:
        return ""
    if all(isinstance(value, dict) for value in there):
        names = dict.fromkeys(name for value in there for name in value)
        inside = (
            f"{name}: {_told(_distinct([value[name] for value in there if name in value]))}" for name in names
        )
        return f"{{{', '.join(inside)}}}"
    return ", ".join(map(told, there[:_MOST])) + (", …" if len(there) > _MOST else "")


def _distinct(values: list[Any]) -> list[Any]:
    return list({repr(value): value for value in values}.values())
