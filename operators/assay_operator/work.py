"""The workers: they take keys that are due, wake the experiments, and say when to come again."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from assay.errors import AssayError
from assay.settings.common import now
from assay_operator.logs import about
from assay_operator.metrics import Metrics
from assay_operator.queue import DueQueue, Key
from assay_operator.reconcile import Reconciler

_WORKERS = 32  # mostly they wait for the store
_TOGETHER = 32  # requests to the store of all wake-ups of many stages
_BACKOFF_SECONDS = 15.0
T = TypeVar("T")

_log = logging.getLogger(__name__)


class Together:
    """Does something with each of many items at once; what fails is raised when all is done."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_TOGETHER, thread_name_prefix="together")

    def __call__(self, act: Callable[[T], object], items: Iterable[T], /) -> None:
        """Return when all is done. What is done may not do so in turn: it would wait for itself."""
        underway = [self._threads.submit(act, item) for item in items]
        wait(underway)
        for one in underway:
            one.result()


class Workers:
    """Started when this replica leads."""

    def __init__(self, queue: DueQueue, reconciler: Reconciler, metrics: Metrics) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._metrics = metrics
        self._takers: list[asyncio.Task[None]] = []
        self._underway: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="wake")

    def start(self) -> None:
        """Begin to work, unless told to stop before."""
        if not self._stopped:
            self._takers = [asyncio.create_task(self._work()) for _ in range(_WORKERS)]

    async def stop(self) -> None:
        """Take no more keys, and wait for the wake-ups underway."""
        self._stopped = True
        for task in self._takers:
            task.cancel()
        await asyncio.gather(*self._takers, *self._underway, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            key = await self._queue.take()
            waking = asyncio.create_task(self._wake(key))
            self._underway.add(waking)
            waking.add_done_callback(self._underway.discard)
            await asyncio.shield(waking)

    async def _wake(self, key: Key) -> None:
        log = about(_log, namespace=key.namespace, experiment=key.name)
        try:
            with self._metrics.wakeup():
                again = await asyncio.get_running_loop().run_in_executor(
                    self._threads, self._reconciler.wake, key
                )
        except AssayError as error:
            log.warning("%s", error)
            self._queue.add(key, _BACKOFF_SECONDS)
        except Exception:
            log.exception("a bug; it is tried again")
            self._queue.add(key, _BACKOFF_SECONDS)
        else:
            if again is not None:
                self._queue.add(key, max(0.0, (again - now()).total_seconds()))
        finally:
            self._queue.done(key)
