"""The workers: they take keys that are due, wake the experiments, and say when to come again."""

import asyncio
import logging

from assay.errors import AssayError
from assay.settings.common import now
from assay_operator.logs import about
from assay_operator.metrics import Metrics
from assay_operator.queue import DueQueue, Key
from assay_operator.reconcile import Reconciler

_WORKERS = 4
_BACKOFF_SECONDS = 15.0

_log = logging.getLogger(__name__)


class Workers:
    """Started when this replica leads."""

    def __init__(self, queue: DueQueue, reconciler: Reconciler, metrics: Metrics) -> None:
        self._queue = queue
        self._reconciler = reconciler
        self._metrics = metrics
        self._takers: list[asyncio.Task[None]] = []
        self._underway: set[asyncio.Task[None]] = set()
        self._stopped = False

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
                again = await asyncio.to_thread(self._reconciler.wake, key)
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
