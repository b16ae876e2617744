"""What kopf tells, as keys in the queue. kopf only delivers: no timers, no finalizers, no annotations of its own."""

from collections.abc import Callable, Mapping
from typing import Any

import kopf

from assay.adapters.watched import Watched
from assay.api.experiment import GROUP, VERSION
from assay.settings.in_cluster import DEFAULT_PROFILE
from assay.workloads.carrier import CARRIERS
from assay.workloads.names import MANAGED_BY, MANAGER, owning_experiments
from assay_operator.queue import Key

Plain = dict[str, Any]


def registry_of(watched: Watched, wake: Callable[[Key], object]) -> kopf.OperatorRegistry:
    """Return handlers that keep `watched` up to date and wake whom an event concerns.

    They are coroutines, so that kopf runs them one at a time.
    """
    registry = kopf.OperatorRegistry()
    known: dict[Key, str] = {}  # experiment → its profile

    async def experiment(event: Mapping[str, Any], **_: Any) -> None:
        found = event["object"]
        key = Key(namespace=found["metadata"]["namespace"], name=found["metadata"]["name"])
        if event["type"] == "DELETED":
            known.pop(key, None)
        else:
            known[key] = found["spec"].get("profile", DEFAULT_PROFILE)
        wake(key)

    async def profile(event: Mapping[str, Any], **_: Any) -> None:
        metadata = event["object"]["metadata"]
        for key, name in known.items():
            if (key.namespace, name) == (metadata["namespace"], metadata["name"]):
                wake(key)

    async def workload(event: Mapping[str, Any], **_: Any) -> None:
        found = event["object"]
        if event["type"] == "DELETED":
            watched.forget(found["kind"], found["metadata"]["namespace"], found["metadata"]["name"])
        else:
            watched.keep(found)
        for name in owning_experiments(found):
            wake(Key(namespace=found["metadata"]["namespace"], name=name))

    kopf.on.login(registry=registry)(_login)
    kopf.on.event(GROUP, VERSION, "experiments", registry=registry)(experiment)
    kopf.on.event(GROUP, VERSION, "profiles", registry=registry)(profile)
    for carrier in CARRIERS:
        group, _, version = carrier.api_version.rpartition("/")
        kopf.on.event(group, version, carrier.plural, labels={MANAGED_BY: MANAGER}, registry=registry)(
            workload
        )
    return registry


def _login(**about: Any) -> kopf.ConnectionInfo | None:
    """Be who the official client is: a service account in a pod, else whom the kubeconfig names."""
    return kopf.login_with_service_account(**about) or kopf.login_with_kubeconfig(**about)


def settings_of(*, clusterwide: bool) -> kopf.OperatorSettings:
    """Return kopf's settings: it posts nothing, peers with nobody and keeps nothing in objects.

    Who looks after some namespaces alone may list neither namespaces nor definitions: it takes those it was told of for there,
    and asks once, at its start, which kinds are served. A workload of a kind that comes later is asked for, not watched.
    """
    settings = kopf.OperatorSettings()
    settings.scanning.disabled = not clusterwide
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.watching.server_timeout = 300  # seconds: a connection that died unnoticed is replaced
    settings.watching.client_timeout = 330
    settings.watching.connect_timeout = 10
    return settings
