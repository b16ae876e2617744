"""The operator's process: every replica watches and serves admission, and the one that leads works."""

import asyncio
import gc
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from kubernetes import client

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.adapters.probes import Probes
from assay.adapters.watched import Watched
from assay.errors import AssayError, ClusterError
from assay.settings.cluster import Surroundings
from assay.settings.common import now
from assay_operator.api import ApiClient, configuration
from assay_operator.certificate_keeper import CertificateKeeper, Place
from assay_operator.health import Health, health_app
from assay_operator.informer import Followed, follow, is_current
from assay_operator.lease import Leadership
from assay_operator.logs import configure
from assay_operator.metrics import Metrics
from assay_operator.options import Options
from assay_operator.queue import DueQueue
from assay_operator.reconcile import Reconciler
from assay_operator.servers import serve
from assay_operator.watch import Ears
from assay_operator.webhook import Webhook
from assay_operator.work import Together, Workers

_log = logging.getLogger(__name__)

_WATCH_PAUSE_SECONDS = 2.0
_TICK_SECONDS, _SILENT_SECONDS = 5.0, 60.0
_EXIT_MISUSED = 2


def main() -> None:
    """Run until told to stop."""
    try:
        options = Options.read(sys.argv[1:], os.environ)
        configure(options.log_level)
        gc.freeze()  # what imports left stays: a collection that goes through it stops a judgement for 50 ms
        asyncio.run(_serve(options))
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(_EXIT_MISUSED)


async def _serve(options: Options) -> None:
    metrics, health = Metrics(), Health()
    reached = configuration()
    asking = ApiClient(reached, asked=metrics.requested)
    api, watched, queue = ClusterApi(asking), Watched(), DueQueue()
    around = Surroundings(
        cluster=await asyncio.to_thread(_cluster_uid, api),
        api=api,
        watched=watched,
        probes=Probes(api),
        each=Together(),
    )
    reconciler = Reconciler(around, metrics, now)
    workers = Workers(queue, reconciler, metrics)
    leadership = Leadership(
        reached, namespace=options.namespace, name=options.lease, replica=options.identity
    )
    synced, stop = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ears = Ears(
        watched,
        around.remembered,
        reconciler.has_told,
        lambda key, after: loop.call_soon_threadsafe(queue.add, key, after),
    )
    followed = ears.followed(options.watch_namespaces)
    health.gate("the watch", lambda: synced.is_set() and is_current(followed))
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        keeper = CertificateKeeper(
            asking,
            Place(
                namespace=options.namespace,
                secret=options.certificate_secret,
                webhook_configuration=options.webhook_configuration,
                names=options.webhook_names,
            ),
            folder=Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="assay-webhook-"))),
        )
        health.gate("the webhook's certificate", lambda: keeper.loaded)
        for app, port, context in (
            (health_app(health, metrics), options.health_port, None),
            (Webhook(metrics.admitted).app(), options.webhook_port, keeper.context),
        ):
            stack.push_async_callback((await serve(app, port, context=context)).cleanup)
        background = [
            tasks.create_task(keeper.keep()),
            tasks.create_task(_tick(health, metrics, queue, leadership)),
        ]
        threading.Thread(target=_watch, args=(reached, followed, synced), name="watch", daemon=True).start()
        leadership.start(lambda: loop.call_soon_threadsafe(_lead, queue, ears, workers))
        try:
            await stop.wait()
        finally:
            await workers.stop()
            await asyncio.to_thread(leadership.release)
            for task in background:
                task.cancel()


def _lead(queue: DueQueue, ears: Ears, workers: Workers) -> None:
    """Begin with all that there is: what was due while another replica led, it has seen to."""
    _log.info("this replica leads")
    queue.clear()
    for key, after in ears.all():
        queue.add(key, after)
    workers.start()


def _watch(reached: client.Configuration, followed: Sequence[Followed], synced: threading.Event) -> None:
    """Watch until the process ends, in a thread and an event loop of its own: admission does not wait for it."""
    while True:
        try:
            asyncio.run(follow(reached, followed, synced.set))
        except Exception:  # noqa: BLE001 -- whatever it is, without a watch nothing is carried out
            _log.exception("a bug; the watch begins anew")
        synced.clear()
        time.sleep(_WATCH_PAUSE_SECONDS)


async def _tick(health: Health, metrics: Metrics, queue: DueQueue, leadership: Leadership) -> None:
    """Beat the loop's heart, and measure what changes by itself."""
    heart = health.heart("the event loop", within=_SILENT_SECONDS)
    while True:
        heart.beat()
        metrics.queued(len(queue))
        metrics.leads(whether=leadership.leads)
        await asyncio.sleep(_TICK_SECONDS)


def _cluster_uid(api: ClusterApi) -> str:
    """Return what tells this cluster from any other: the UID of its kube-system namespace."""
    found = api.get(path_of("v1", "namespaces", name="kube-system"))
    if found is None:
        raise ClusterError(
            "namespace kube-system", "found none, expected one", "Is this a Kubernetes cluster?"
        )
    uid: str = found["metadata"]["uid"]
    return uid
