"""A request to stop, which a training heeds between two steps."""

import signal
import threading
from types import TracebackType
from typing import Any, Self


class Interruption:
    """Inside, SIGTERM is no longer an error but a sign: `asked`. Only a program's main thread can be asked."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._ask)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def _ask(self, *_: object) -> None:
        self.asked = True
