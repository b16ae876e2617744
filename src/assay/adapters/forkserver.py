"""A process that has imported one program, and forks a child for every attempt at a stage.

`python -m assay.adapters.forkserver <program>` reads requests from standard input and writes events to standard output,
one JSON object per line:

* in:  `{"id", "argv", "log"}` fork a child that runs the program's `main(argv)` with its output in the file `log`;
       `{"id", "signal"}` send a signal to that child's process group.
* out: `{"ready": true}` or `{"error": message}` once; `{"id", "forked": true}` when a child has begun, `{"id", "exit"}` when
       it has ended.

Importing torch takes seconds, forking takes milliseconds. The server is single-threaded, so that forking is safe, and
ends when its input does: with it end its children, by SIGKILL, so nothing outlives the runner however it dies.
"""

import contextlib
import ctypes
import importlib
import json
import os
import selectors
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

_PR_SET_PDEATHSIG = 1


class _Server:
    """Forks children and reports their ends."""

    def __init__(self, program: Callable[[list[str]], int]) -> None:
        self._program = program
        self._children: dict[int, str] = {}  # process id → request id
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def serve(self) -> None:
        """Serve until standard input ends."""
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to handle
        selector = selectors.DefaultSelector()
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        selector.register(self._wake_read, selectors.EVENT_READ)
        pending = b""
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if self._wake_read in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
                self._reap()
            if sys.stdin.fileno() in ready:
                data = os.read(sys.stdin.fileno(), 65536)
                if not data:
                    break
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self._handle(json.loads(line))
        for child in self._children:
            _signal_group(child, signal.SIGKILL)

    def _handle(self, request: dict[str, Any]) -> None:
        if "signal" in request:
            for child, identifier in self._children.items():
                if identifier == request["id"]:
                    _signal_group(child, request["signal"])
            return
        server = os.getpid()
        child = os.fork()
        if child == 0:
            self._run(request, server)
        self._children[child] = request["id"]
        _tell({"id": request["id"], "forked": True})

    def _run(self, request: dict[str, Any], server: int) -> None:
        """Be the child: never returns."""
        code = 70
        try:
            os.setsid()
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != server:
                os._exit(code)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            code = self._program(request["argv"])
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 70
        except BaseException:  # noqa: BLE001 -- the outermost edge of the child
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for child in list(self._children):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                _signal_group(child, signal.SIGKILL)  # what it left behind
                _tell({"id": self._children.pop(child), "exit": os.waitstatus_to_exitcode(status)})


def _signal_group(leader: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _tell(event: dict[str, Any]) -> None:
    os.write(_EVENTS, json.dumps(event).encode() + b"\n")


_EVENTS = 1


def main() -> None:
    """Import the program named by the first argument, then serve."""
    global _EVENTS  # noqa: PLW0603 -- set once, before anything else runs
    _EVENTS = os.dup(1)
    os.set_inheritable(_EVENTS, False)  # noqa: FBT003 -- positional only
    os.dup2(2, 1)  # what imports print goes to the server's own log
    try:
        module = importlib.import_module(f"{sys.argv[1]}.__main__")
        preload = getattr(module, "preload", None)
        if preload is not None:
            preload()
    except Exception as error:  # noqa: BLE001 -- told to the runner
        traceback.print_exc()
        _tell({"error": f"{type(error).__name__}: {error}"})
        return
    with contextlib.suppress(BrokenPipeError):  # the runner is gone
        _tell({"ready": True})
        _Server(module.main).serve()


if __name__ == "__main__":
    main()
