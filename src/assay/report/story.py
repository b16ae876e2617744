"""What became of one row of a clean stage, from its ledger lines and where it ended. Texts are no part of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from assay.artifacts.documents import Record
from assay.errors import BugError

Plain = dict[str, Any]

INTAKE = "intake"  # the ledger's name for what comes before the first step


def story(record: Record, row: Plain, lines: Sequence[Plain], part: str | None) -> Plain:
    """Tell a row's way through the steps, in order.

    `row` has its id and source, `lines` are its lines of the ledger, and `part` is where it lies now: `out`, the name of a
    part that was set aside, or None when a step dropped it.

    Raises:
        BugError: it is neither dropped nor anywhere, or both.

    """
    fell = next((line for line in lines if line["action"] != "changed"), None)
    if (fell is None) == (part is None):
        found = "neither in the ledger as dropped nor in a file" if fell is None else "dropped, and in a file"
        raise BugError(f"row {row['id']}", f"found it {found}, expected one of them", "Please report this.")
    aside = None if part in (None, "out") else _setting_aside(record, str(part))
    said = {line["step"]: line for line in lines}
    way: list[Plain] = [{"step": INTAKE, "what": "read", **_why(said.get(INTAKE))}]
    for step in record.outputs.summary["steps"]:
        if way[-1]["what"] in ("dropped", "rejected", "set aside"):
            break
        if row["source"] not in step["sources"]:  # joins later
            continue
        what: Plain = {"what": "set aside", "part": part} if step["name"] == aside else {"what": "passed"}
        way.append({"step": step["name"], **what, **_why(said.get(step["name"]))})
    return {**row, "steps": way, "end": way[-1]["what"] if way[-1]["what"] in _ENDS else "out"}


_ENDS = ("rejected", "dropped", "set aside")


def _why(line: Mapping[str, Any] | None) -> Plain:
    """Return what a line says of its step, less what is empty or said elsewhere."""
    if line is None:
        return {}
    rest = {key: value for key, value in line.items() if value is not None}
    return {"what": rest.pop("action")} | {
        key: value for key, value in rest.items() if key not in ("id", "source", "step")
    }


def _setting_aside(record: Record, part: str) -> str:
    """Return the name of the step that sets a part aside."""
    steps = zip(record.identity.spec["steps"], record.outputs.summary["steps"], strict=True)
    return next(
        str(counted["name"])
        for step, counted in steps
        if part in {item["name"] for item in step.get("split", {}).get("parts", ())}
    )
