"""Waiting for a part of the cluster to come up, and saying what became of it when it does not."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

PATIENCE_SECONDS = 180


class Patience:
    """It ends with the cluster's first process, or when one condition takes too long."""

    def __init__(self, first: psutil.Process, logs: Path) -> None:
        self._first = first
        self._logs = logs

    def wait_until(self, condition: str, ask: Callable[[], object]) -> None:
        """Return once `ask` raises nothing; `condition` is how to say what that means."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                ask()
            except (RuntimeError, subprocess.SubprocessError) as refusal:
                if not self._first.is_running() or self._first.status() == psutil.STATUS_ZOMBIE:
                    raise RuntimeError(self._obituary(condition)) from refusal
                if time.monotonic() > deadline:
                    raise RuntimeError(
                        f"cluster: not so after {PATIENCE_SECONDS} s: {condition}. The last answer was: {refusal}. "
                        f"The daemons' logs are in {self._logs}"
                    ) from refusal
                time.sleep(0.2)
            else:
                return

    def _obituary(self, condition: str) -> str:
        last = (self._logs / "inside.log").read_text(errors="replace").strip()
        daemon = self._logs / f"{last.rpartition(chr(10))[2].partition(' ')[0]}.log"
        tail = daemon.read_text(errors="replace")[-3000:] if daemon.exists() else ""
        return f"cluster: it ended before {condition}: {last[-3000:]}\n{tail}\nAll logs are in {self._logs}"
