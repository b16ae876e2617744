"""A program stage on a laptop: its command is a process of the user's, with none of the user's environment but its paths."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from assay.api.execution import ProgramExecution
from assay.api.program import Program
from assay.artifacts.exchange import CODE, OUTPUT, program_failed, variables
from assay.errors import StageError
from assay_pipelines.program.inputs import bring
from assay_pipelines.program.written import take
from assay_pipelines.sandbox.confine import die_with_parent
from assay_pipelines.stage import StageRun

_GRACE_SECONDS = 15.0  # between asking the command to end and ending it; a runner waits longer
_PASSED_ON = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ", "CUDA_VISIBLE_DEVICES")
_HUB = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")


def carry_out(run: StageRun) -> dict[str, Any]:
    """Carry out a program stage and return its figures.

    Raises:
        StageError: an input is missing, the command fails, or what it wrote is not what the stage declares.

    """
    words = run.words(Program)
    if words.code is None:
        raise StageError(
            "Unsupported",
            "program.code",
            "found none, expected the code that the image holds: on a laptop no image is run",
            "Add `code`, or run it in a cluster.",
        )
    exchange = run.scratch / "exchange"
    bring(run, words, exchange)
    run.progress("program: its command runs")
    code = _ended(words.command, exchange, _environment(run, exchange))
    if code:
        raise program_failed(code)
    run.ran_with(image="none")
    return take(run, words, exchange / OUTPUT)


def _environment(run: StageRun, exchange: Path) -> dict[str, str]:
    """Return what a command finds: no credential, and a home in which there is none."""
    home = run.scratch / "home"
    home.mkdir()
    threads = ProgramExecution.model_validate(run.execution).threads
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    return {
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        **dict.fromkeys(_HUB, os.environ.get("HF_HUB_OFFLINE", "1")),
        **variables(str(exchange), threads),
        "HOME": str(home),
        "PATH": path,
        "TMPDIR": str(home),
    }


def _ended(command: tuple[str, ...], exchange: Path, environment: dict[str, str]) -> int:
    """Run a command and return its exit code, 128 and the number of a signal that ended it."""
    try:
        process = subprocess.Popen(
            command,
            cwd=exchange / CODE,
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # so that its children end with it
            preexec_fn=die_with_parent,  # noqa: PLW1509 -- one call of the kernel, which needs no lock
        )
    except OSError as error:
        raise StageError(
            "ProgramFailed",
            "program.command",
            f"found {command[0]!r}: {error.strerror}, expected a program that can be started",
            "Name one that is on PATH; a file of the code is given to one, as [sh, run.sh].",
        ) from error
    try:
        code = process.wait()
    except BaseException:  # it was asked to end, and so is the command
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        raise
    finally:
        _signal(process, signal.SIGKILL)  # and what it left behind
        process.wait()
    return code if code >= 0 else 128 - code


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
