"""`assay` as a user calls it: a process, its output, its exit code."""

import os
import subprocess
import sys
from pathlib import Path

ASSAY = Path(sys.executable).with_name("assay")


def assay(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run to the end."""
    return subprocess.run(
        [str(ASSAY), *(str(item) for item in arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    """Start, and leave it running; its output is a pipe."""
    return subprocess.Popen(
        [str(ASSAY), *(str(item) for item in arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
