"""The processes of a program, from the broker's side: forked, watched by a descriptor, killed.

A child starts as a copy of the broker, which has never read a program: nothing of one is in its memory.
"""

import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import IO

_FIRST_FREE = 3  # behind standard input, output and error
_CRASHED = 70


class Child:
    """A forked process, killed and waited for at the end of `opened`."""

    def __init__(
        self, opened: ExitStack, body: Callable[..., int], *, pipes: Sequence[IO[bytes]], output: IO[bytes]
    ) -> None:
        """Fork a process that calls `body` with the descriptors of its pipes, and has no others; it prints to `output`."""
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            _be_child(lambda given: body(parent, *given), [pipe.fileno() for pipe in pipes], output.fileno())
        self._code: int | None = None
        opened.callback(self._end)
        self.descriptor = opened.enter_context(os.fdopen(os.pidfd_open(self._pid), "rb", buffering=0))

    def wait(self, seconds: float) -> int | None:
        """Return how it ended: its exit code, or a signal's number below zero; None where it goes on."""
        if self._code is None and select.select([self.descriptor], [], [], seconds)[0]:
            self._code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._code

    def _end(self) -> None:
        """Kill it, which is enough: it can make no other process."""
        if self._code is None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _be_child(body: Callable[[Sequence[int]], int], pipes: Sequence[int], output: int) -> None:
    """Be the child: never returns."""
    code = _CRASHED
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        beyond = max(pipes) + 1  # past all that is still needed
        moved = [os.dup2(pipe, beyond + place) for place, pipe in enumerate(pipes)]
        given = [os.dup2(pipe, _FIRST_FREE + place) for place, pipe in enumerate(moved)]
        os.closerange(_FIRST_FREE + len(given), os.sysconf("SC_OPEN_MAX"))
        sys.stdout.reconfigure(write_through=True)  # type: ignore[union-attr]  # as it is, a text stream
        code = body(given)
    except BaseException:  # noqa: BLE001 -- the outermost edge of the child
        traceback.print_exc()
    finally:
        os._exit(code)
