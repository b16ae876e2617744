"""What holds of every experiment in a cluster, for its operator and for whoever looks at it: its store, and its launcher's rules."""

import os
from datetime import datetime

from assay.api.execution import Execution
from assay.api.profile import ProfileSpec, StoreRef
from assay.reconcile.facts import Policy

DEFAULT_PROFILE = "default"
RETRY = "assay.dev/retry"  # an annotation: failures before this time, RFC 3339, are forgotten
_POLL_SECONDS = 10.0
_STALE_SECONDS = 120.0  # a pod may take a minute to be scheduled, pulled and started
_BACKOFF_SECONDS = 5.0


def store_environment(store: StoreRef) -> dict[str, str]:
    """Return how a Profile's store is reached, as whoever this process is."""
    reached = {"AWS_ENDPOINT_URL": store.endpoint, "AWS_REGION": store.region}
    return {**os.environ, **{name: value for name, value in reached.items() if value is not None}}


def policy_of(execution: Execution, *, since: datetime, suspended: bool) -> Policy:
    """Return what a launcher in a cluster holds to, for a plan that was frozen at `since`."""
    return Policy(
        since=since,
        retries=execution.retries,
        stale_seconds=_STALE_SECONDS,
        poll_seconds=_POLL_SECONDS,
        backoff_seconds=_BACKOFF_SECONDS,
        suspended=suspended,
    )


def trusted_by(profile: ProfileSpec) -> frozenset[str]:
    """Return the digests of the images whose records are used; none: any."""
    if not profile.trusted_images:
        return frozenset()
    images = profile.images
    own = () if images is None else (images.clean, images.train, images.evaluate)
    return frozenset([*profile.trusted_images, *(image.rpartition("@")[2] for image in own)])
