"""How long to wait before a collection is listed or watched again. Pure.

A watch that told something, or lived for a while, was not in vain however it ended. The more often in a row it was, the longer
the waits.
"""

import time
from collections.abc import Callable

_SHORTEST, _LONGEST = 1.0, 30.0  # seconds
_LIVED_SECONDS = 1.0
_DOUBLED = 10  # times at most


class Pauses:
    """Of one collection. What it is told comes in order: a list, a watch that was answered, its lines, and how it ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answered_at: float | None = None  # of the watch underway
        self._has_told = False
        self._failures = 0  # in a row
        self._losses = 0

    def listed(self) -> None:
        """Take note of a list, which says that the API server answers."""
        self._failures = 0

    def answered(self) -> None:
        """Take note that a watch begins."""
        self._answered_at = self._clock()

    def told(self) -> None:
        """Take note of a line of the watch."""
        self._has_told = True

    def ended(self) -> float:
        """Return for how long to wait after a watch that ended as it may."""
        return self._failed() if self._was_in_vain() else 0.0

    def broke(self) -> float:
        """Return for how long to wait after an answer that broke off, or did not come."""
        self._was_in_vain()
        return self._failed()

    def lost(self) -> float:
        """Return for how long to wait before the list after a watch that lost its place: the first time, not at all."""
        self._was_in_vain()
        self._losses += 1
        return _after(self._losses - 1)

    def _failed(self) -> float:
        self._failures += 1
        return _after(self._failures)

    def _was_in_vain(self) -> bool:
        began, self._answered_at = self._answered_at, None
        has_told, self._has_told = self._has_told, False
        if has_told or (began is not None and self._clock() - began >= _LIVED_SECONDS):
            self._failures = self._losses = 0
            return False
        return True


def _after(failures: int) -> float:
    return min(_SHORTEST * 2 ** min(failures - 1, _DOUBLED), _LONGEST) if failures else 0.0
