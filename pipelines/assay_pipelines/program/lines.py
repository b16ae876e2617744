"""From JSON lines that a command wrote to a dataset, or to outcomes of tasks: every line right, or none of them. No store."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from assay.api.program import ScoredTask
from assay.artifacts.canonical import canonical_json
from assay.artifacts.outputs import FINAL
from assay_pipelines.chats import CHATS, ROLES, content_hash
from assay_pipelines.dataset import TEXT
from assay_pipelines.outcomes import Measured, Outcome, hashed

_SOURCE = "program"
_ID = re.compile(r"[0-9a-f]{32}-\d+")
_ROWS = 8192  # that are held as Python's own at a time
_CHAT = {"id": str, "source": str, "messages": list, "meta": dict}
_SCORE: dict[str, Any] = {
    "task": str,
    "doc_id": str,
    "score": int | float,
    "weight": int | float,
    "checkpoint": str,
    "tokens": int,
    **dict.fromkeys(("doc_hash", "prompt_hash", "target_hash", "prediction"), str),
}


class Malformed(Exception):
    """What a command wrote is not what it declares."""

    def __init__(self, place: str, found: str, expected: str) -> None:
        super().__init__(place, found, expected)
        self.place, self.found, self.expected = place, found, expected


def dataset_of(path: Path) -> pa.Table:
    """Return chats as a table in order of id; they keep the ids that they came with, or all are given new ones.

    Raises:
        Malformed: a line is no chat, two have one id, some have an id and others none, or there is no line.

    """
    tables, pending = [], []
    named: set[bool] = set()
    for place, line in _lines(path, _CHAT, needed=("messages",)):
        named.add("id" in line)
        if len(named) > 1:
            raise Malformed(place, "an id on some lines only", "one on all of them, or on none")
        pending.append(_row(place, line))
        if len(pending) == _ROWS:
            tables.append(pa.Table.from_pylist(pending, CHATS))
            pending = []
    table = pa.concat_tables([*tables, pa.Table.from_pylist(pending, CHATS)])
    if not table.num_rows:
        raise Malformed(path.name, "no line", "at least one chat")
    if named == {False}:
        table = _numbered(table)
    if pc.count_distinct(table["id"]).as_py() < table.num_rows:
        raise Malformed(path.name, "two lines of one id", "each id once")
    return table.sort_by("id")


def scores_of(path: Path, tasks: Sequence[ScoredTask]) -> list[Measured]:
    """Return the outcomes of every task that was declared.

    Raises:
        Malformed: a line is no score, is of another task, or is there twice; or a task has none.

    """
    found: dict[str, dict[str, dict[str, Outcome]]] = {task.name: {} for task in tasks}  # by checkpoint
    for place, line in _lines(path, _SCORE, needed=("task", "doc_id", "score")):
        task, item = line["task"], line["doc_id"]
        if task not in found:
            raise Malformed(place, f"task {task!r}", f"one that the stage declares: {', '.join(found)}")
        outcomes = found[task].setdefault(line.get("checkpoint", FINAL), {})
        if item in outcomes:
            raise Malformed(place, f"doc_id {item!r} of task {task} again", "each item of a checkpoint once")
        outcomes[item] = _outcome(place, line)
    for name, checkpoints in found.items():
        if not checkpoints:
            raise Malformed(
                path.name, f"no score of task {name}", "some of every task that the stage declares"
            )
    return [
        Measured(
            task=task.name,
            checkpoint=checkpoint,
            outcomes=tuple(outcomes.values()),
            unit=task.unit,
            higher_is_better=task.higher_is_better,
            chance=task.chance,
        )
        for task in tasks
        for checkpoint, outcomes in found[task.name].items()
    ]


def _lines(path: Path, known: dict[str, Any], needed: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            place = f"{path.name}, line {number}"
            line = _parsed(place, text)
            if not isinstance(line, dict):
                raise Malformed(place, "other JSON", "an object")
            for name in needed:
                if name not in line:
                    raise Malformed(place, f"no {name}", f"{', '.join(needed)}")
            for name, value in line.items():
                if name not in known:
                    raise Malformed(place, f"a member {name!r}", f"none but {', '.join(known)}")
                if not isinstance(value, known[name]) or isinstance(value, bool):
                    raise Malformed(place, f"{name} of type {type(value).__name__}", _called(known[name]))
            yield place, line


def _parsed(place: str, text: bytes) -> Any:
    try:
        line = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        if b"\\u" in text:
            json.dumps(line, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Malformed(place, "half of a surrogate pair", "text that can be encoded") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(place, f"no JSON ({error})", "a JSON object on every line") from error
    return line


def _refuse(constant: str) -> None:
    raise ValueError(f"found {constant}")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"found {digits}, beyond all numbers")
    return number


def _called(kind: Any) -> str:
    names = {str: "a text", list: "a list", dict: "an object", int: "a whole number"}
    return names.get(kind, "a number")


def _row(place: str, line: dict[str, Any]) -> dict[str, Any]:
    messages = line["messages"]
    for turn in messages:
        if (
            not isinstance(turn, dict)
            or set(turn) != {"role", "content"}
            or turn["role"] not in ROLES
            or not isinstance(turn["content"], str)
        ):
            raise Malformed(place, "a message of another shape", f"role, of {', '.join(ROLES)}, and content")
    if not messages or (len(messages) > 1 and any(turn["role"] == TEXT for turn in messages)):
        raise Malformed(place, f"{len(messages)} messages", "a chat, or one message of role text")
    name = line.get("id")
    if name is not None and not _ID.fullmatch(name):
        raise Malformed(place, f"id {name[:60]!r}", "the id of a chat that it read, or none")
    digest = content_hash([(turn["role"], turn["content"]) for turn in messages]).hex()
    meta = canonical_json(line.get("meta", {})).decode()
    return {
        "id": name or digest,
        "source": line.get("source", _SOURCE),
        "messages": messages,
        "meta": meta,
    }


def _numbered(table: pa.Table) -> pa.Table:
    """Tell rows with the same messages apart, in an order that does not depend on that of the lines."""
    table = table.sort_by([("id", "ascending"), ("meta", "ascending"), ("source", "ascending")])
    seen: Counter[str] = Counter()
    ids = []
    for digest in table["id"].to_pylist():
        ids.append(f"{digest}-{seen[digest]}")
        seen[digest] += 1
    return table.set_column(0, CHATS.field("id"), pa.array(ids, pa.string()))


def _outcome(place: str, line: dict[str, Any]) -> Outcome:
    try:
        score, weight = float(line["score"]), float(line.get("weight", 1))
    except OverflowError as error:
        raise Malformed(place, "a number beyond all numbers", "finite numbers") from error
    if not math.isfinite(score * weight) or weight <= 0:
        raise Malformed(place, f"score {score} and weight {weight}", "finite numbers, the weight above 0")
    return Outcome(
        doc_id=line["doc_id"],
        doc_hash=line.get("doc_hash") or hashed([line["task"], line["doc_id"]]),
        prompt_hash=line.get("prompt_hash", ""),
        target_hash=line.get("target_hash", ""),
        prediction=line.get("prediction", ""),
        outcome=score * weight,
        weight=weight,
        tokens=line.get("tokens", 0),
    )
