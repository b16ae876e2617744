"""The process that runs a benchmark's tests: its end alone says whether a program passed.

It holds no line that a model wrote. Where the tests call the model's function, it asks the candidate's process, and goes on
with plain values; nothing that the candidate does to itself reaches the tests. It is confined as well.
"""

import builtins
import json
import sys
import traceback
import types
from typing import Any, BinaryIO

from assay_pipelines.sandbox.candidate import READY
from assay_pipelines.sandbox.confine import Unconfined, confine
from assay_pipelines.sandbox.programs import Limits, Program
from assay_pipelines.sandbox.values import LONGEST, packed, unpacked

PASSED, FAILED, MEMORY, GONE = 10, 11, 12, 13  # how it ends; otherwise nothing of the program has run
UNCONFINED = 14


class _Gone(BaseException):
    """The candidate said nothing more."""


class _Candidate:
    """The candidate's process, from here."""

    def __init__(self, questions: BinaryIO, answers: BinaryIO) -> None:
        self._questions = questions
        self._answers = answers
        self.gone = False

    def is_ready(self) -> bool:
        return self._answers.readline(len(READY)) == READY

    def define(self, text: str, entry_point: str) -> None:
        self._ask({"text": text, "entry_point": entry_point})

    def call(self, *positional: Any, **named: Any) -> Any:
        """Call its function; arguments that it changed in place are changed here."""
        reply = self._ask({"positional": list(positional), "named": named})
        changed = reply["arguments"]
        for mine, its in zip(positional, changed["positional"], strict=True):
            _become(mine, its)
        for name, mine in named.items():
            _become(mine, changed["named"][name])
        return reply["returned"]

    def _ask(self, question: Any) -> dict[str, Any]:
        line = packed(question)
        try:
            self._questions.write(line)
            self._questions.flush()
        except BrokenPipeError:
            self.gone = True
        answer = b"" if self.gone else self._answers.readline(LONGEST + 1)
        if not answer.endswith(b"\n"):
            self.gone = True
            raise _Gone
        reply: Any = unpacked(answer)
        if "raised" in reply:
            raise _exception(reply["raised"], reply["message"])
        return dict(reply)


def main(limits: Limits, parent: int, source: int, to_ask: int, told: int) -> int:
    """Be the process, and return how it ends: the program comes through one pipe, two others lead to the candidate."""
    with open(source, "rb") as given, open(to_ask, "wb") as questions, open(told, "rb") as answers:
        program = Program(**json.load(given))
        candidate = _Candidate(questions, answers)
        try:
            confine(limits, parent)
        except Unconfined as error:
            print(error, file=sys.stderr)  # noqa: T201 -- the broker tells it
            return UNCONFINED
        if not candidate.is_ready():
            return UNCONFINED  # the candidate has said why
        return _judged(candidate, program)


def _judged(candidate: _Candidate, program: Program) -> int:
    try:
        _test(candidate, program)
    except MemoryError:
        return MEMORY
    except _Gone:
        return GONE
    except BaseException:  # noqa: BLE001 -- tests fail by any exception
        traceback.print_exc(limit=-1)
        return FAILED
    return GONE if candidate.gone else PASSED  # a test may have caught everything


def _test(candidate: _Candidate, program: Program) -> None:
    module = types.ModuleType("__tests__")
    sys.modules[module.__name__] = module
    exec(compile(program.given, "<given>", "exec"), module.__dict__)  # noqa: S102 -- the benchmark's own
    candidate.define(program.text, program.entry_point)
    setattr(module, program.entry_point, candidate.call)
    exec(compile(program.tests, "<tests>", "exec"), module.__dict__)  # noqa: S102 -- the benchmark's own


def _become(mine: Any, its: Any) -> None:
    """Change a container in place into what the candidate made of its copy."""
    if type(mine) is not type(its):
        return
    if isinstance(mine, list):
        mine[:] = its
    elif isinstance(mine, dict | set):
        mine.clear()
        mine.update(its)


def _exception(name: str, message: str) -> BaseException:
    kind = getattr(builtins, str(name), None)
    ends_loops = ("StopIteration", "StopAsyncIteration")
    if isinstance(kind, type) and issubclass(kind, Exception) and name not in ends_loops:
        return kind(str(message))
    return RuntimeError(f"{name}: {message}")
