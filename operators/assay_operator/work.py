"""The workers: they take keys that are due, wake the experiments, and say when to come again."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue
from typing import TypeVar

from assay.errors import AssayError
from assay.settings.common import now
from assay_operator.logs import about
from assay_operator.metrics import Metrics
from assay_operator.queue import DueQueue, Key
from assay_operator.reconcile import Reconciler

_WORKERS = 32  # mostly they wait for the store
_TOGETHER = 32  # threads that help wake-ups of many stages
_SHARE = 8  # items of one wake-up that may be underway at once
_BACKOFF_SECONDS = 15.0
T = TypeVar("T")

_log = logging.getLogger(__name__)


class Together:
    """Does something with each of many items, several at once; what fails is raised, and what has not begun by then is left.

    Whoever calls works too, with a few of the threads that are free; so one whose store is dead holds up no other.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_TOGETHER, thread_name_prefix="together")

    def __call__(self, act: Callable[[T], object], items: Iterable[T], /) -> None:
        """Return when all is done, or when something failed and nothing is underway any more."""
        left = SimpleQueue[T]()
        for item in items:
            left.put(item)
        failed = threading.Event()

        def work() -> None:
            try:
                while not failed.is_set():
                    try:
                        item = left.get_nowait()
                    except Empty:
                        return
                    act(item)
            except BaseException:
                failed.set()
                raise

        helpers = [self._threads.submit(work) for _ in range(min(_SHARE, left.qsize()) - 1)]
        try:
            work()
        finally:
            begun = [helper for helper in helpers if not helper.cancel()]
            wait(begun)
        for helper in begun:
            helper.result()


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
