"""Foreign objects as plain data, read without trust.

What a cluster returns may lack any member or hold it in another type; a reader gets a neutral value instead of an error,
because one strange object must not stop a launcher.
"""

from typing import Any

Object = dict[str, Any]  # one Kubernetes object, or a part of one, camelCase as in the API


def at(value: object, *path: str) -> Any:
    """Follow names into nested mappings; None where there is nothing."""
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def text(value: object, *path: str) -> str:
    """Return the text at a path, on one line; "" where there is none."""
    found = at(value, *path)
    return " ".join(found.split()) if isinstance(found, str) else ""


def number(value: object, *path: str) -> int:
    """Return the whole number at a path; 0 where there is none."""
    found = at(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def items(value: object, *path: str) -> list[Object]:
    """Return the mappings of the list at a path; none where there is no list."""
    found = at(value, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def condition(value: object, kind: str) -> Object | None:
    """Return the condition of one type in `status.conditions`, whatever its status and place in the list."""
    return next((item for item in items(value, "status", "conditions") if item.get("type") == kind), None)


def holds(value: object, kind: str) -> bool:
    """Say whether the condition of one type has the status `True`."""
    return text(condition(value, kind), "status") == "True"


def reason(value: object) -> str:
    """Say in words why a condition, or a container's state, is as it is: `Reason: message`, or what there is of both."""
    return ": ".join(part for part in (text(value, "reason"), text(value, "message")) if part)


def clipped(sentence: str, limit: int = 300) -> str:
    """Cut a sentence for people at so many characters."""
    return sentence if len(sentence) <= limit else sentence[: limit - 1].rstrip() + "…"
