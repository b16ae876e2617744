"""What a program does where nothing contains it: the module and its tests in one process, as benchmarks usually run them."""

import subprocess
import sys
from pathlib import Path

SECRET = "a-secret-of-the-stage"


def passes(program, folder: Path, **environment: str) -> bool:
    """Whether the process ends as if all tests had passed; it may leave files in the folder."""
    whole = f"{program.given}\n{program.text}\n{program.tests}"
    ended = subprocess.run(
        [sys.executable, "-c", whole],
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=200,
        check=False,
    )
    return ended.returncode == 0
