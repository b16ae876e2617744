"""From a stage's program into the sandbox and back.

What comes back is read without trust: the other side is next to what a model wrote.
"""

import contextlib
import json
import os
import selectors
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from assay.api.execution import EvaluateExecution
from assay.errors import Retry, StageError
from assay_pipelines.sandbox.exchange import FOLDER, OUTCOMES, PROGRAMS, framed, make_pipes
from assay_pipelines.sandbox.programs import Limits, Program, ProgramOutcome, Reason
from assay_pipelines.sandbox.serve import ENVIRONMENT, command

_WHERE = "the code sandbox"
_PATIENCE = 60.0  # seconds beyond a program's own
_LONGEST = 1 << 20  # of an answer, in bytes


def run_programs(programs: Sequence[Program], limits: Limits) -> list[ProgramOutcome]:
    """Run programs one after another, each in processes of its own, and return what became of them, in order.

    Raises:
        StageError: `SandboxUnavailable`: this machine cannot contain them, and none has run; `SandboxLost`: whoever runs
            them is gone.

    """
    folder = os.environ.get(FOLDER)
    with _other_container(Path(folder)) if folder else _process() as broker:
        return [broker.run(program, limits) for program in programs]


def check_allowed(execution: Mapping[str, Any], where: str) -> None:
    """Refuse a task that would run what a model writes, where the experiment does not let an evaluation do so.

    Raises:
        StageError: `CodeExecutionNotAllowed`.

    """
    if not EvaluateExecution.model_validate(execution).code_execution:
        raise StageError(
            "CodeExecutionNotAllowed",
            where,
            "found a task that runs model-written code, expected none: execution.evaluate.codeExecution is false",
            "Leave the task out, or set it; docs/sandbox.md says what contains such code.",
        )


class _Broker:
    """The other end of two pipes."""

    def __init__(self, programs: IO[bytes], outcomes: IO[bytes]) -> None:
        self._programs = programs
        self._outcomes = outcomes

    def run(self, program: Program, limits: Limits) -> ProgramOutcome:
        try:
            self._programs.write(framed(json.dumps(asdict(program)).encode(), limits))
            self._programs.flush()
        except BrokenPipeError:
            with contextlib.suppress(BrokenPipeError):  # else whoever closes it later tells this one
                self._programs.close()
            raise _lost("nobody who reads programs") from None
        line = self._answer(time.monotonic() + limits.wall_seconds + _PATIENCE)
        try:
            answer = json.loads(line)
            if "unavailable" in answer:
                raise _unavailable(str(answer["unavailable"]))
            return ProgramOutcome(
                id=program.id, reason=Reason(answer["reason"]), output=str(answer["output"])
            )
        except (ValueError, TypeError, KeyError):
            raise _lost("an answer that is none") from None

    def _answer(self, until: float) -> bytes:
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._outcomes, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise _lost("no answer in time")
                data = os.read(self._outcomes.fileno(), 65536)
                line += data
                if not data or len(line) > _LONGEST:
                    raise _lost("an answer that broke off" if not data else "an answer without end")
        return line


@contextlib.contextmanager
def _process() -> Iterator[_Broker]:
    """Start the broker here: with an empty environment, it holds nothing but the programs."""
    with subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=ENVIRONMENT,
        cwd="/",
    ) as process:
        assert process.stdin is not None  # noqa: S101 -- asked for at start
        assert process.stdout is not None  # noqa: S101 -- asked for at start
        try:
            yield _Broker(process.stdin, process.stdout)
        finally:
            process.kill()  # and with it the processes of a program


@contextlib.contextmanager
def _other_container(folder: Path) -> Iterator[_Broker]:
    """Reach the broker in the pod's other container, once it is there."""
    make_pipes(folder)
    until = time.monotonic() + _PATIENCE
    programs = None
    while programs is None:
        try:
            programs = _opened(folder / PROGRAMS, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:  # ENXIO: nobody reads yet
            if time.monotonic() > until:
                raise _lost(f"nobody at {folder} ({error.strerror})") from error
            time.sleep(0.1)
    with programs, _opened(folder / OUTCOMES, os.O_RDONLY | os.O_NONBLOCK) as outcomes:
        os.set_blocking(programs.fileno(), True)
        yield _Broker(programs, outcomes)


def _opened(pipe: Path, flags: int) -> IO[bytes]:
    """Open a named pipe, and nothing that the other side may have put in its place."""
    descriptor = os.open(pipe, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _lost(f"something else than a pipe at {pipe}")
    return os.fdopen(descriptor, "wb" if flags & os.O_WRONLY else "rb")


def _lost(found: str) -> StageError:
    return StageError(
        "SandboxLost",
        _WHERE,
        f"found {found}, expected an outcome for every program",
        "Look at the sandbox's log; another attempt follows.",
        retry=Retry.LATER,
    )


def _unavailable(found: str) -> StageError:
    return StageError(
        "SandboxUnavailable",
        _WHERE,
        f"found that programs cannot be contained here ({found[:1000]}), expected a kernel with seccomp and Landlock",
        "Run it where the kernel has both (Linux 5.13 or later); docs/sandbox.md says what is needed.",
    )
