"""What a stage's program and the broker say to each other, through two pipes: of a process, or named ones in a folder.

For each program a header of fixed size and then the program, which the broker passes on unread; back comes a line of JSON.
"""

import contextlib
import os
import struct
from dataclasses import astuple
from pathlib import Path

from assay_pipelines.sandbox.programs import Limits

FOLDER = "ASSAY_SANDBOX"  # the variable that names the folder; without it the sandbox is a process of this container
PROGRAMS, OUTCOMES = "programs", "outcomes"

_HEADER = struct.Struct("!IIdII")  # size of the program in bytes, then the fields of Limits


def framed(program: bytes, limits: Limits) -> bytes:
    """Return a program behind its header."""
    return _HEADER.pack(len(program), *astuple(limits)) + program


def read_header(pipe: int) -> tuple[int, Limits] | None:
    """Read the size of the next program and its limits, and no byte more; None at the end."""
    data = b""
    while len(data) < _HEADER.size:
        more = os.read(pipe, _HEADER.size - len(data))
        if not more:
            return None
        data += more
    size, cpu_seconds, wall_seconds, memory_mib, output_kib = _HEADER.unpack(data)
    limits = Limits(
        cpu_seconds=cpu_seconds, wall_seconds=wall_seconds, memory_mib=memory_mib, output_kib=output_kib
    )
    return size, limits


def make_pipes(folder: Path) -> None:
    """Make the named pipes, where the other side has not."""
    for name in (PROGRAMS, OUTCOMES):
        with contextlib.suppress(FileExistsError):
            os.mkfifo(folder / name, 0o600)
