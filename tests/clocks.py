"""A clock that a test turns."""

from typing import Any


class Clock:
    """Says what it was set to, in seconds or as a moment."""

    def __init__(self, now: Any) -> None:
        self.now = now

    def __call__(self) -> Any:
        return self.now
