"""A user's own rule in Python: a file that defines `judge`, which names a rule for each chat that goes.

The file travels as text and becomes a module once per process. What it says of a chat must not depend on the chats beside
it, for how rows are cut is nobody's choice. An error of its code is told by kind and line: its own message may repeat a chat.
"""

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from assay.api.clean import OwnRule
from assay.errors import StageError
from assay_pipelines.clean.table import Chats, Judgement, Line

LONGEST_NAME = 100

_DEMAND = "a name of at most 100 printable characters or None for each chat"


@dataclass(frozen=True)
class RuleFile:
    """A file that defines `judge`."""

    name: str
    text: str


def rule_file_of(step: OwnRule, outside: Callable[[str], list[Path]]) -> RuleFile | None:
    """Read the file, if the step names one, and see that it defines `judge`.

    Raises:
        StageError: `RuleFailed`.

    """
    if step.file is None:
        return None
    paths = outside(step.file)
    if len(paths) != 1:
        raise StageError(
            "RuleFailed", f"rule {step.file}", f"found {len(paths)} files, expected one", "Name one."
        )
    name = paths[0].name
    try:
        file = RuleFile(name, paths[0].read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        found = f"found bytes that are no UTF-8 ({error.reason}), expected Python"
        raise StageError("RuleFailed", name, found, "Save it as UTF-8.") from error
    _judge_of(file)
    return file


def by_file(chats: Chats, file: RuleFile) -> Judgement:
    """Drop the chats for which the file names a rule.

    Raises:
        StageError: `RuleFailed`: its code raises, or gives something else than names.

    """
    names = _named(file, chats.messages) if len(chats) else []
    return Judgement(
        lines=[Line(chat=chat, rule=name) for chat, name in enumerate(names) if name is not None]
    )


def _named(file: RuleFile, messages: pa.Array) -> list[str | None]:
    judge = _judge_of(file)
    try:
        given = judge(messages)
        names = given.to_pylist() if isinstance(given, pa.Array | pa.ChunkedArray) else list(given)
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- code that is not ours raises anything
        raise _failed(file, error, f"found {type(error).__name__}, expected {_DEMAND}") from None
    if len(names) != len(messages):
        raise _unfit(file, f"found {len(names)} answers for {len(messages)} chats, expected {_DEMAND}")
    for name in names:
        if name is not None and not (
            isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()
        ):
            raise _unfit(file, f"found an answer of type {type(name).__name__}, expected {_DEMAND}")
    return names


@lru_cache(maxsize=16)
def _judge_of(file: RuleFile) -> Callable[[pa.Array], Any]:
    module = ModuleType(f"assay_rule_{abs(hash(file.text))}")
    sys.modules[module.__name__] = module  # where dataclasses and the like look for it
    try:
        exec(compile(file.text, file.name, "exec"), module.__dict__)  # noqa: S102 -- what the file is for
    except SyntaxError as error:
        raise StageError(
            "RuleFailed",
            f"{file.name}, line {error.lineno}",
            f"found {error.msg}, expected Python",
            "Correct the file.",
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 -- code that is not ours raises anything
        found = f"found {type(error).__name__} ({error}), expected a file that defines judge(chats)"
        raise _failed(file, error, found) from None
    judge: Callable[[pa.Array], Any] | None = getattr(module, "judge", None)
    if not callable(judge):
        raise StageError(
            "RuleFailed", file.name, "found no function judge, expected judge(chats)", "Define it."
        )
    return judge


def _failed(file: RuleFile, error: BaseException, found: str) -> StageError:
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file.name
    ]
    where = f"{file.name}, line {lines[-1]}" if lines else f"{file.name}, judge"
    return StageError("RuleFailed", where, found, "Correct the file, and try it on chats of your own.")


def _unfit(file: RuleFile, found: str) -> StageError:
    return StageError("RuleFailed", f"{file.name}, judge", found, "Correct the file.")
