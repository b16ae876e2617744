"""One thread that carries out jobs in order, so that training goes on while files are written and uploaded."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Background:
    """Jobs in order; what goes wrong in one is raised by the next call here."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._jobs: list[Future[None]] = []

    def submit(self, job: Callable[..., None], *arguments: Any) -> None:
        """Let a job be done after those before it."""
        for done in [before for before in self._jobs if before.done()]:
            done.result()
            self._jobs.remove(done)
        self._jobs.append(self._thread.submit(job, *arguments))

    def wait(self) -> None:
        """Return once all jobs are done."""
        for job in self._jobs:
            job.result()
        self._jobs.clear()
