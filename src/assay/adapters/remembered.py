"""Answers of the API server that many experiments ask for within moments: each is asked for once, and believed for a while."""

import math
import threading
import time
from collections.abc import Callable
from typing import Any

_BELIEVED_SECONDS = 5.0
_NONE: tuple[float, Any] = (-math.inf, None)  # asked for too long ago


class Remembered:
    """Several threads may use it; two that ask at once may both be answered by the API server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, ...], tuple[float, Any]] = {}
        self._forgotten = 0  # how often anything was
        self._lock = threading.Lock()

    def of(self, question: tuple[str, ...], ask: Callable[[], Any]) -> Any:
        """Return the answer, which may be some seconds old.

        One that was underway when something was forgotten may be older than that, and is not kept.
        """
        with self._lock:
            at, answer = self._answers.get(question, _NONE)
            forgotten = self._forgotten
        if self._clock() - at <= _BELIEVED_SECONDS:
            return answer
        began, answer = self._clock(), ask()
        with self._lock:
            if forgotten == self._forgotten and began >= self._answers.get(question, _NONE)[0]:
                self._answers = {
                    known: (at, other)
                    for known, (at, other) in self._answers.items()
                    if began - at <= _BELIEVED_SECONDS
                }
                self._answers[question] = (began, answer)
        return answer

    def forget(self, question: tuple[str, ...]) -> None:
        """Ask anew the next time."""
        with self._lock:
            self._answers.pop(question, None)
            self._forgotten += 1
