"""An attempt that takes longer than it may ends itself, wherever it runs.

What launched it could end it too, but only by a signal that the program must take for an interruption, after which another attempt
follows. Here the reason is told first. Time in which a queue holds the workload back does not count: no program runs then.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assay.artifacts.documents import Failure
from assay.errors import Retry

_GRACE_SECONDS = 600.0  # to keep a state, as a training has when it is asked to stop


@contextmanager
def deadline(hours: float | None, tell: Callable[[Failure], int]) -> Iterator[None]:
    """Inside, after so many hours: `tell` why, ask this process to end, and in the end make it.

    `tell` returns the exit code.
    """
    if hours is None:
        yield
        return
    over = threading.Event()
    threading.Thread(target=_watch, args=(hours, tell, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch(hours: float, tell: Callable[[Failure], int], over: threading.Event) -> None:
    if over.wait(min(hours * 3600, threading.TIMEOUT_MAX)):
        return
    code = tell(
        Failure(
            reason="DeadlineExceeded",
            message=f"the program: found that it has run for {hours:g} hours, expected it to have ended by then. "
            "Raise the deadlineHours of its kind in execution, or give it less to do; then ask for it again.",
            retry=Retry.NEVER,
        )
    )
    os.kill(os.getpid(), signal.SIGTERM)
    if not over.wait(_GRACE_SECONDS):
        sys.stderr.flush()
        os._exit(code)
