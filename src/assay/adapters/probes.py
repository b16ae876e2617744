"""What a cluster can carry: which kinds are served, and whose queues are honoured. Asked seldom, remembered for a while."""

import time
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.api.profile import Pool, ProfileSpec
from assay.artifacts.documents import ArtifactRef, Attempt
from assay.artifacts.kinds import Kind
from assay.errors import ClusterError
from assay.reconcile.facts import Obstacle
from assay.workloads.carrier import Carrier, carrier_of, is_suspended, pool_of
from assay.workloads.order import Order, Owner

Plain = dict[str, Any]

_REMEMBERED_SECONDS = 60.0


class Probes:
    """Answers for all experiments of an operator."""

    def __init__(self, api: ClusterApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._clock = clock
        self._known: dict[tuple[str, ...], tuple[float, bool]] = {}

    def obstacle(self, kind: Kind, profile: ProfileSpec, namespace: str) -> Obstacle | None:
        """Return why stages of a kind cannot be launched in a namespace now, or None."""
        try:
            return self._obstacle(kind, profile, namespace)
        except ClusterError as error:
            return Obstacle(reason="ClusterRefused", message=str(error))

    def _obstacle(self, kind: Kind, profile: ProfileSpec, namespace: str) -> Obstacle | None:
        carrier = carrier_of(kind, profile)
        if not self._served(carrier):
            message = f"the cluster serves no {carrier.kind} ({carrier.api_version}): install its controller"
            return Obstacle(reason="WorkloadNotServed", message=message)
        pool = pool_of(kind, profile)
        if pool.queue and not self._honoured(carrier, pool, _order(kind, profile, namespace)):
            message = (
                f"nobody honours the queue {pool.queue} for {carrier.kind}s: enable the kind in Kueue's "
                "integrations, or take the queue out of the Profile's pool"
            )
            return Obstacle(reason="QueueNotHonoured", message=message)
        return None

    def _served(self, carrier: Carrier) -> bool:
        return self._remembered(
            (carrier.api_version, carrier.plural),
            lambda: any(
                item["name"] == carrier.plural
                for item in (self._api.get(f"/apis/{carrier.api_version}") or {"resources": []})["resources"]
            ),
        )

    def _honoured(self, carrier: Carrier, pool: Pool, order: Order) -> bool:
        """Whether a queue's manager suspends what is created running: a dry run, so nothing comes to exist."""

        def ask() -> bool:
            body = _running(carrier, carrier.manifest(order))
            answer = self._api.create(
                path_of(carrier.api_version, carrier.plural, order.namespace), body, dry_run=True
            )
            return answer is not None and is_suspended(answer)

        return self._remembered((carrier.kind, order.namespace, pool.queue or ""), ask)

    def _remembered(self, key: tuple[str, ...], ask: Callable[[], bool]) -> bool:
        known = self._known.get(key)
        if known is None or self._clock() - known[0] > _REMEMBERED_SECONDS:
            known = (self._clock(), ask())
            self._known[key] = known
        return known[1]


def _order(kind: Kind, profile: ProfileSpec, namespace: str) -> Order:
    """Return an order of nothing in particular, for a dry run."""
    return Order(
        ref=ArtifactRef(f"{kind.value}/{'0' * 64}"),
        attempt=Attempt(number=1, owner="probe", claimed_at=datetime(2000, 1, 1, tzinfo=UTC)),
        store_uri=profile.store.uri,
        namespace=namespace,
        owner=Owner(name="probe", uid="00000000-0000-0000-0000-000000000000"),
        profile=profile,
    )


def _running(carrier: Carrier, manifest: Plain) -> Plain:
    """Return the manifest, not suspended."""
    running = deepcopy(manifest)
    parent = running
    for step in carrier.suspend[:-1]:
        parent = parent[step]
    parent[carrier.suspend[-1]] = False
    return running
