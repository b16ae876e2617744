"""The operator's process: watches on every replica, works on the one that leads."""

import asyncio
import logging
from datetime import UTC, datetime

import kopf
from kubernetes import config
from kubernetes.client import ApiClient

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.adapters.probes import Probes
from assay.adapters.watched import Watched
from assay.errors import AssayError, ClusterError
from assay.settings.cluster import Surroundings
from assay_operator.queue import DueQueue
from assay_operator.reconcile import Reconciler
from assay_operator.watch import registry_of, settings_of

WORKERS = 4
_BACKOFF_SECONDS = 15.0

logger = logging.getLogger(__name__)


def main() -> None:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO)
    asyncio.run(_serve())


async def _serve() -> None:
    client = _client()
    api = ClusterApi(client)
    watched = Watched()
    around = Surroundings(cluster=_cluster_uid(api), api=api, watched=watched, probes=Probes(api))
    queue = DueQueue()
    reconciler = Reconciler(around, _now)
    stop = asyncio.Event()
    workers = [asyncio.create_task(_work(queue, reconciler)) for _ in range(WORKERS)]
    await kopf.operator(
        registry=registry_of(watched, queue), settings=settings_of(), clusterwide=True, stop_flag=stop
    )
    for worker in workers:
        worker.cancel()


async def _work(queue: DueQueue, reconciler: Reconciler) -> None:
    while True:
        key = await queue.take()
        try:
            again = await asyncio.to_thread(reconciler.wake, key)
        except AssayError as error:
            logger.warning("%s/%s: %s", key.namespace, key.name, error)
            queue.add(key, _BACKOFF_SECONDS)
        except Exception:
            logger.exception("%s/%s: a bug; it is tried again", key.namespace, key.name)
            queue.add(key, _BACKOFF_SECONDS)
        else:
            if again is not None:
                queue.add(key, max(0.0, (again - _now()).total_seconds()))
        finally:
            queue.done(key)


def _client() -> ApiClient:
    try:
        config.load_incluster_config()
    except config.ConfigException:
        config.load_kube_config()
    return ApiClient()


def _cluster_uid(api: ClusterApi) -> str:
    """Return what tells this cluster from any other: the UID of its kube-system namespace."""
    found = api.get(path_of("v1", "namespaces", name="kube-system"))
    if found is None:
        raise ClusterError(
            "namespace kube-system", "found none, expected one", "Is this a Kubernetes cluster?"
        )
    uid: str = found["metadata"]["uid"]
    return uid


def _now() -> datetime:
    return datetime.now(UTC)
