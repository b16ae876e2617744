"""Leader election on a Lease: at most one replica acts, and the one that may have lost stops before another starts.

The official client elects. What it leaves open is closed here: a request that hangs or fails below HTTP, a loop that
cannot be stopped, a wall clock that jumps, and a lease that nobody gives back.
"""

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock
from urllib3.exceptions import HTTPError

from assay_operator.api import ApiClient

log = logging.getLogger(__name__)

Clock = Callable[[], float]
LOST = 3  # the exit status of a process that lost its lease


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds; `renew` below `lease` is the time in which a loser stops before another may start."""

    lease: int = 15
    renew: int = 10
    retry: int = 2
    request: float = 4.0  # a renewal that hangs leaves time for another


class Stopped(BaseException):
    """Ends the election's loop; a BaseException, so that nobody takes it for a failed request."""


class Term:
    """Whether this replica leads, and until when it may believe so; safe to ask from any thread."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._began: float | None = None  # when the request began that renewed last

    def renewed(self, began: float) -> None:
        """Note a renewal by a request that began then."""
        self._began = began

    def ended(self) -> None:
        """Note that the lease was given back."""
        self._began = None

    @property
    def holds(self) -> bool:
        """Whether the last renewal is recent enough that nobody else can lead."""
        return self._began is not None and self._clock() - self._began < self._seconds

    @property
    def overdue(self) -> float | None:
        """The seconds since the last renewal, once they are too many; None while all is well or nothing is held."""
        if self._began is None or self.holds:
            return None
        return self._clock() - self._began


class _Lock(LeaseLock):
    """The official lock, whose requests end in time, whose every failure is a failed try, and which can be stopped."""

    def __init__(self, name: str, namespace: str, identity: str, *, api: ApiClient, term: Term) -> None:
        super().__init__(name, namespace, identity)  # type: ignore[no-untyped-call]
        self.api_instance = client.CoordinationV1Api(api)
        self._term = term
        self._clock = term._clock  # noqa: SLF001 -- one clock for both
        self._began = 0.0
        self._guard = threading.Lock()
        self._stopped = False

    def get(self, name: str, namespace: str) -> tuple[bool, Any]:
        """Read the lease; the time of a following write counts from here, as its renewTime does."""
        if self._stopped:
            raise Stopped
        self._began = self._clock()
        try:
            found: tuple[bool, Any] = super().get(name, namespace)  # type: ignore[no-untyped-call]
        except (HTTPError, OSError, ValueError) as error:
            return False, ApiException(status=0, reason=f"{type(error).__name__}: {error}")
        return found

    def create(self, name: str, namespace: str, election_record: Any) -> bool:
        """Create the lease."""
        return self._written(super().create, name, namespace, election_record)

    def update(self, name: str, namespace: str, updated_record: Any) -> bool:
        """Renew the lease, or take it over."""
        return self._written(super().update, name, namespace, updated_record)

    def release(self) -> None:
        """Write no more, and give the lease back if it is held; a write underway is waited for."""
        self._stopped = True
        with self._guard:
            held = self._term.holds
            self._term.ended()
            if not held:
                return
            try:
                lease = self.api_instance.read_namespaced_lease(self.name, self.namespace)
                if lease.spec is not None and lease.spec.holder_identity == self.identity:
                    lease.spec.holder_identity = None
                    lease.spec.lease_duration_seconds = 1
                    self.api_instance.replace_namespaced_lease(self.name, self.namespace, lease)
                    log.info("gave the lease back")
            except (ApiException, HTTPError, OSError) as error:
                log.warning("could not give the lease back, it expires by itself: %s", error)

    def _written(self, write: Callable[..., Any], *arguments: Any) -> bool:
        with self._guard:
            if self._stopped:
                raise Stopped
            try:
                well = bool(write(*arguments))
            except (HTTPError, OSError, ValueError) as error:
                log.warning("could not renew the lease: %s: %s", type(error).__name__, error)
                return False
            if well:
                self._term.renewed(self._began)
            return well


class Leadership:
    """Stands for election until it is released; loses at most once, by ending the process."""

    def __init__(
        self,
        configuration: client.Configuration,
        *,
        namespace: str,
        name: str,
        replica: str,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing or Timing()
        self._term = Term(self._timing.renew, time.monotonic)
        self._api = ApiClient(configuration, timeout=(self._timing.request / 2, self._timing.request))
        self.identity = f"{replica}_{uuid.uuid4().hex[:8]}"  # a process, not a pod: containers restart
        self._lock = _Lock(name, namespace, self.identity, api=self._api, term=self._term)
        self._released = threading.Event()
        self._on_lost: Callable[[str], object] = end_process

    @property
    def leads(self) -> bool:
        """Whether this replica may act now; ask again before every effect."""
        return self._term.holds

    def start(self, on_started: Callable[[], object], on_lost: Callable[[str], object] | None = None) -> None:
        """Stand for election in threads of its own, in one of which `on_started` is called when it is won.

        Losing calls `on_lost` with a sentence; by default, and best, the process ends at once.
        """
        self._on_lost = on_lost or end_process
        threading.Thread(target=self._stand, args=(on_started,), name="lease", daemon=True).start()
        threading.Thread(target=self._watch, name="lease-watchdog", daemon=True).start()

    def release(self) -> None:
        """Stand no longer, and let another lead at once; call it when nothing acts any more."""
        self._released.set()
        self._lock.release()

    def _stand(self, on_started: Callable[[], object]) -> None:
        elected = electionconfig.Config(
            self._lock,
            lease_duration=self._timing.lease,
            renew_deadline=self._timing.renew,
            retry_period=self._timing.retry,
            onstarted_leading=on_started,
            onstopped_leading=lambda: None,
        )
        try:
            leaderelection.LeaderElection(elected).run()
            self._lose("the lease could not be renewed, or leading failed")
        except Stopped:
            return
        except BaseException as error:  # noqa: BLE001 -- whatever ended the loop, nobody renews any more
            self._lose(f"the election failed: {type(error).__name__}: {error}")

    def _watch(self) -> None:
        pause = min(0.5, self._timing.renew / 10)
        while not self._released.wait(pause):
            overdue = self._term.overdue
            if overdue is not None:
                self._lose(
                    f"the lease was renewed {overdue:.1f} s ago, expected within {self._timing.renew} s"
                )
                return

    def _lose(self, why: str) -> None:
        if not self._released.is_set():
            self._released.set()
            self._on_lost(why)


def end_process(why: str) -> NoReturn:
    """End the process at once, without waiting for anything that may hang."""
    log.critical("no longer leading, so this process ends: %s", why)
    os._exit(LOST)
