"""The broker: programs in, one after another, and what became of them out. Two confined processes for each.

It reads no program, and holds no credentials, no token and no environment. In a cluster it is a container of its own, on a
laptop a process.
"""

import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

from assay_pipelines.sandbox import candidate, judge
from assay_pipelines.sandbox.child import Child
from assay_pipelines.sandbox.confine import be_private, die_with_parent
from assay_pipelines.sandbox.exchange import OUTCOMES, PROGRAMS, make_pipes, read_header
from assay_pipelines.sandbox.programs import Limits, Reason

_KEPT = 4096  # of the output, in bytes
_CHUNK = 65536
_LAST_BREATH = 1.0  # seconds from a process' last word to its end
_ENDS = {judge.PASSED: Reason.PASSED, judge.FAILED: Reason.FAILED, judge.MEMORY: Reason.MEMORY}

_PACKAGES = str(Path(__file__).parents[2])
_START = "import sys; sys.path.insert(0, {0!r}); from {1} import main; main(sys.argv[1:])"
ENVIRONMENT = {
    "PYTHONHASHSEED": "0"
}  # sets are walked in the same order every time, and nothing else is known


class Unavailable(Exception):
    """The processes cannot be confined here; nothing of the program has run."""


def command(*arguments: str) -> list[str]:
    """Return what starts the broker: a Python with the standard library alone."""
    flags = ["-P", "-s", "-S", "-B", "-u", "-X", "utf8"]
    return [sys.executable, *flags, "-c", _START.format(_PACKAGES, __name__), *arguments]


def main(arguments: Sequence[str]) -> None:
    """Serve a folder of named pipes for ever, or standard input until it ends."""
    be_private()
    del sys.path[0]  # what is needed of this package is loaded; programs get none of it
    if not arguments:
        die_with_parent()
        serve(0, 1)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # a container's first process has no default for it
    folder = Path(arguments[0])
    make_pipes(folder)
    serve(*(_for_ever(folder / name) for name in (PROGRAMS, OUTCOMES)))


def serve(programs: int, outcomes: int) -> None:
    """Answer every program until there are no more."""
    with os.fdopen(outcomes, "wb") as answers:
        while header := read_header(programs):
            answer: dict[str, Any]
            try:
                reason, output = run(programs, *header)
                answer = {"reason": reason, "output": output}
            except Unavailable as error:
                answer = {"unavailable": str(error)}
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()


def run(programs: int, size: int, limits: Limits) -> tuple[Reason, str]:
    """Run the next program of a pipe; return how it ended, and the first of its output.

    Raises:
        Unavailable: it could not be contained, so it was not run.

    """
    with ExitStack() as opened:
        (source, to_judge), (asked, to_ask), (told, to_tell), (printed, to_print) = (
            _pipe(opened) for _ in range(4)
        )
        judging = Child(opened, partial(judge.main, limits), pipes=(source, to_ask, told), output=to_print)
        tried = Child(opened, partial(candidate.main, limits), pipes=(asked, to_tell), output=to_print)
        for theirs in (source, asked, to_ask, told, to_tell, to_print):
            theirs.close()
        _pass_on(programs, to_judge, size)
        output, reason = _watched(judging, printed, limits)
        text = output.decode(errors="replace")
        return reason or _reason(judging, tried, text), text


def _pass_on(programs: int, to_judge: IO[bytes], size: int) -> None:
    """Move a program from pipe to pipe within the kernel: the memory that candidates are copied from never holds it."""
    with suppress(BrokenPipeError):
        while size:
            size -= os.splice(programs, to_judge.fileno(), size)
    while size:
        size -= len(os.read(programs, min(size, _CHUNK)))
    to_judge.close()


def _watched(judging: Child, printed: IO[bytes], limits: Limits) -> tuple[bytes, Reason | None]:
    """Wait until the judge ends, and return the first of the output; with a reason where that was too long to wait for."""
    end, output, size = time.monotonic() + limits.wall_seconds, b"", 0
    with selectors.DefaultSelector() as selector:
        selector.register(printed, selectors.EVENT_READ)
        selector.register(judging.descriptor, selectors.EVENT_READ)
        while True:
            ready = [key.fileobj for key, _ in selector.select(max(0.0, end - time.monotonic()))]
            if printed in ready:
                data = os.read(printed.fileno(), _CHUNK)
                size += len(data)
                output += data[: _KEPT - len(output)]
            if size > limits.output_kib << 10:
                return output, Reason.OUTPUT
            if judging.descriptor in ready:
                return output, None
            if time.monotonic() > end:
                return output, Reason.TIMEOUT


def _reason(judging: Child, tried: Child, output: str) -> Reason:
    code = judging.wait(_LAST_BREATH)
    if code == judge.GONE:
        code = tried.wait(_LAST_BREATH)
        if code is None or code >= 0:
            return Reason.FAILED  # it went without an answer, or closed its pipe and went on
    if code in _ENDS:
        return _ENDS[code]
    if code is None or code >= 0:
        raise Unavailable(output.strip() or f"a judge that ended with {code}")
    return Reason.TIMEOUT if -code == signal.SIGXCPU else Reason.KILLED


def _pipe(opened: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    read, write = os.pipe()
    return (
        opened.enter_context(os.fdopen(read, "rb", buffering=0)),
        opened.enter_context(os.fdopen(write, "wb", buffering=0)),
    )


def _for_ever(pipe: Path) -> int:
    """Open a named pipe so that it neither blocks nor ends when the other side closes."""
    return os.open(pipe, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
