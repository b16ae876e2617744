"""The process that holds what a model wrote: it defines the module, then answers calls of one of its functions.

All that it says is untrusted from the moment that it has the text. It is confined before.
"""

import builtins
import os
import sys
import types
from typing import Any, BinaryIO

from assay_pipelines.sandbox.confine import Unconfined, confine
from assay_pipelines.sandbox.programs import Limits
from assay_pipelines.sandbox.values import Untransferable, packed, unpacked

READY = b"ready\n"


def main(limits: Limits, parent: int, asked: int, told: int) -> int:
    """Be the process: questions come through one pipe, answers go through the other."""
    try:
        confine(limits, parent)
    except Unconfined as error:
        print(error, file=sys.stderr)  # noqa: T201 -- its judge ends, and the broker tells it
        return 1
    os.environ.clear()
    with open(asked, "rb") as questions, open(told, "wb") as answers:
        answers.write(READY)
        answers.flush()
        _answer(questions, answers)
    return 0


def _answer(questions: BinaryIO, answers: BinaryIO) -> None:
    asked = unpacked(questions.readline())
    module = types.ModuleType("__candidate__")
    sys.modules[module.__name__] = module
    function = None
    while True:
        try:
            if function is None:
                exec(compile(asked["text"], "<candidate>", "exec"), module.__dict__)  # noqa: S102 -- what all this is for
                function = getattr(module, asked["entry_point"])
                reply: dict[str, Any] = {"returned": None}
            else:
                arguments = asked
                returned = function(*arguments["positional"], **arguments["named"])
                reply = {"returned": returned, "arguments": arguments}  # which it may have changed
            line = packed(reply)
        except BaseException as error:  # noqa: BLE001 -- also SystemExit: whatever it raises is its answer
            line = packed({"raised": _name(error), "message": str(error)[:1000]})
            if function is None or isinstance(error, Untransferable):
                print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 -- its output
        answers.write(line)
        answers.flush()
        if not (question := questions.readline()):
            return
        asked = unpacked(question)


def _name(error: BaseException) -> str:
    """Return the nearest exception that Python itself has."""
    own = (kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind)
    return str(next(own))
