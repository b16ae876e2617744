"""Keys that are due at a time: the earliest time counts, and one worker at a time has a key."""

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass

REST_SECONDS = 1.0  # between the starts of two wake-ups of one key, so that a burst of events is one


@dataclass(frozen=True, kw_only=True, order=True)
class Key:
    """An Experiment."""

    namespace: str
    name: str


class DueQueue:
    """For one event loop. Times are those of a monotonic clock, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._at_work: set[Key] = set()
        self._started: dict[Key, float] = {}
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: Key, after: float = 0.0) -> None:
        """Let a key be due in so many seconds, unless it is due before."""
        rested = self._started.get(key, -REST_SECONDS) + REST_SECONDS
        at = max(self._clock() + after, rested)
        if key not in self._due or at < self._due[key]:
            self._due[key] = at
            heapq.heappush(self._heap, (at, key))
            self._changed.set()

    def clear(self) -> None:
        """Forget what is due."""
        self._due.clear()
        self._heap.clear()

    async def take(self) -> Key:
        """Return the next key that is due and that nobody works on; give it back with `done`."""
        while True:
            key, wait = self._next()
            if key is not None:
                del self._due[key]
                self._at_work.add(key)
                self._started[key] = self._clock()
                return key
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), wait)
            except TimeoutError:
                continue

    def done(self, key: Key) -> None:
        """Let others work on a key again."""
        self._at_work.discard(key)
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))
        self._changed.set()

    def _next(self) -> tuple[Key | None, float | None]:
        """Return a key that is due, or how long to wait for one (None: until something changes)."""
        while self._heap:
            at, key = self._heap[0]
            if self._due.get(key) != at or key in self._at_work:  # told again by a later entry, or by `done`
                heapq.heappop(self._heap)
                continue
            if at > self._clock():
                return None, at - self._clock()
            heapq.heappop(self._heap)
            return key, None
        return None, None
