"""The cluster backend: attempts as workloads of foreign controllers, told by what a watch has seen.

A workload is made after its attempt was claimed, and its name says which attempt it carries, so that making it twice is
making it once. Experiments of one namespace share a workload by owning it together; the API server's own garbage
collector ends it when the last owner is gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.adapters.probes import Probes
from assay.adapters.remembered import Remembered
from assay.adapters.watched import Watched, owners
from assay.api.experiment import GROUP, VERSION
from assay.api.profile import ProfileSpec
from assay.artifacts.documents import INTERRUPTED, ArtifactRef, Attempt, Failure
from assay.artifacts.kinds import Kind
from assay.errors import ClusterError, Retry
from assay.ports.backend import Key
from assay.reconcile.facts import Capacity, Obstacle, Phase, Sight
from assay.stores.claims import fail, go_on, read_failure, read_stage
from assay.stores.store import Store
from assay.workloads import program
from assay.workloads.carrier import CARRIERS, Carrier, carrier_of, carriers_of, is_suspended
from assay.workloads.names import (
    MANAGED_BY,
    MANAGER,
    attempt_of,
    carries,
    labels,
    owner_reference,
    workload_name,
)
from assay.workloads.objects import holds
from assay.workloads.order import Order, Owner
from assay.workloads.waiting import explain, warned

Plain = dict[str, Any]

_KUEUE = "kueue.x-k8s.io/v1beta2"
_ASSAY = f"{GROUP}/{VERSION}"
_FORBIDDEN, _INVALID = 403, 422
_FRESH_SECONDS = 60.0  # for which what a watch told is believed
_PARTS = 5  # of a claimant
_CANCELLED = Failure(
    reason=INTERRUPTED,
    message="the attempt: found that nobody wanted it any more while it waited, expected somebody who does. "
    "Whoever wants the stage makes another.",
    retry=Retry.LATER,
)


@dataclass(frozen=True, kw_only=True)
class Claimant:
    """Who claims: an experiment in a namespace of a cluster."""

    cluster: str  # a UID
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"kubernetes/{self.cluster}/{self.namespace}/{self.name}/{self.uid}"

    @classmethod
    def parse(cls, owner: str) -> "Claimant | None":
        """Read back what `str` gave; None for a claim of another kind."""
        parts = owner.split("/")
        if len(parts) != _PARTS or parts[0] != "kubernetes":
            return None
        return cls(cluster=parts[1], namespace=parts[2], name=parts[3], uid=parts[4])


class ClusterBackend:
    """Runs the programs of one experiment as workloads in its namespace."""

    def __init__(  # noqa: PLR0913 -- one for each thing that it brings together
        self,
        *,
        api: ClusterApi,
        watched: Watched,
        probes: Probes,
        remembered: Remembered,
        claimant: Claimant,
        profile: ProfileSpec,
        kinds: frozenset[Kind],
        parallel: int,
        store: Store,
    ) -> None:
        self._api = api
        self._watched = watched
        self._probes = probes
        self._remembered = remembered
        self._claimant = claimant
        self._profile = profile
        self._kinds = kinds
        self._parallel = parallel
        self._store = store

    @property
    def owner(self) -> str:
        """Name the experiment."""
        return str(self._claimant)

    def capacity(self) -> Capacity:
        """Return how many stages may run; nodes and queues look after the rest."""
        return Capacity(cpus=float("inf"), memory_gib=float("inf"), stages=self._parallel)

    def obstacles(self) -> Mapping[Kind, Obstacle]:
        """Say for which kinds the cluster has no controller, no image, or a queue that nobody honours."""
        found = {
            kind: self._probes.obstacle(kind, self._profile, self._claimant.namespace) for kind in self._kinds
        }
        return {kind: obstacle for kind, obstacle in found.items() if obstacle is not None}

    def launch(self, store_uri: str, ref: ArtifactRef, attempt: Attempt) -> None:
        """Create the workload. One that the API server finds invalid is a failure of the attempt."""
        carrier = carrier_of(ref.kind, self._profile)
        order = Order(
            ref=ref,
            attempt=attempt,
            store_uri=store_uri,
            namespace=self._claimant.namespace,
            owner=Owner(name=self._claimant.name, uid=self._claimant.uid),
            profile=self._profile,
            spec=read_stage(self._store, ref).spec if ref.kind is Kind.PROGRAM else {},
        )
        try:
            made = self._api.create(self._path(carrier), carrier.manifest(order))
        except ClusterError as error:
            if error.status != _INVALID:
                raise
            self._refused(ref, attempt, str(error))
            return
        if made is not None:
            self._watched.made(made)
            return
        there = self._api.get(self._path(carrier, workload_name(ref, attempt.number)))
        if there is not None and carries(there, ref, attempt):
            self._watched.keep(there)
        elif there is not None:
            name = workload_name(ref, attempt.number)
            self._refused(
                ref,
                attempt,
                f"{carrier.kind} {name}: found one of another claim in its place, expected none. Delete it: "
                f"it is a stranger's, or this experiment's own from before its Profile named another store.",
            )

    def sights(self, attempts: Iterable[tuple[ArtifactRef, Attempt]]) -> Mapping[Key, Sight]:
        """Tell attempts launched in this cluster by their workloads, others not at all."""
        sights: dict[Key, Sight] = {}
        waiting: list[tuple[Key, Plain]] = []
        for ref, attempt in attempts:
            key = (ref, attempt.number)
            place = Claimant.parse(attempt.owner)
            if place is None or place.cluster != self._claimant.cluster:
                sights[key] = Sight(phase=Phase.UNKNOWN)
                continue
            here = place.namespace == self._claimant.namespace
            try:
                found = self._find(ref, attempt, place.namespace)
            except ClusterError as error:
                if here or error.status != _FORBIDDEN:
                    raise
                sights[key] = Sight(phase=Phase.UNKNOWN)  # another operator's namespace: its heartbeat tells
                continue
            if found is None:
                sights[key] = Sight(phase=Phase.ABSENT)
                continue
            sights[key] = _sight(found, joined=not here or self._claimant.uid in owners(found))
            if sights[key].waits and here:
                waiting.append((key, found))
            if ref.kind is Kind.PROGRAM and sights[key].phase is Phase.ENDED:
                self._tell_ending(key, found)
        return sights | {key: replace(sights[key], **more) for key, more in self._explained(waiting).items()}

    def held(self) -> frozenset[Key]:
        """Name the attempts whose workloads this experiment owns, and that have not ended."""
        return frozenset(
            key
            for found in self._watched.owned(self._claimant.namespace, self._claimant.uid)
            if "deletionTimestamp" not in found["metadata"]
            and _sight(found).phase is Phase.RUNNING
            and (key := attempt_of(found)) is not None
        )

    def approved(self) -> frozenset[str]:
        """Return what the Approval of the experiment's name approves."""
        found = self._api.get(path_of(_ASSAY, "approvals", self._claimant.namespace, self._claimant.name))
        return frozenset() if found is None else frozenset({str(found["spec"]["plan"])})

    def join(self, key: Key) -> None:
        """Own the workload too."""
        found = self._get(key)
        if found is None or self._claimant.uid in owners(found):
            return
        mine = owner_reference(Owner(name=self._claimant.name, uid=self._claimant.uid))
        self._own(found, [*found["metadata"].get("ownerReferences", ()), mine])

    def leave(self, key: Key) -> None:
        """Own the workload no more; the last owner deletes it, if nobody joined meanwhile."""
        found = self._get(key)
        if found is None:
            return
        others = [
            item for item in found["metadata"].get("ownerReferences", ()) if item["uid"] != self._claimant.uid
        ]
        if others:
            self._own(found, others)
            return
        metadata, version = found["metadata"], found["metadata"]["resourceVersion"]
        gone = self._api.delete(_path_to(found), uid=metadata["uid"], resource_version=version)
        # Or whoever wants the stage now would wait for a sign of its life. A program's pod seems to wait as long as it runs.
        if gone and _sight(found).waits and key[0].kind is not Kind.PROGRAM:
            fail(self._store, *key, _CANCELLED)

    def _own(self, found: Plain, references: list[Plain]) -> None:
        """Set the owners, unless the workload changed since it was read; the next look tries again."""
        body = {
            "metadata": {
                "resourceVersion": found["metadata"]["resourceVersion"],
                "ownerReferences": references,
            }
        }
        changed = self._api.merge(_path_to(found), body)
        if changed is not None:
            self._watched.keep(changed)

    def _find(self, ref: ArtifactRef, attempt: Attempt, namespace: str) -> Plain | None:
        """Return the workload that carries an attempt.

        What the watch has not told, or not lately, is asked for: a watch that broke does not tell what went meanwhile.
        """
        name = workload_name(ref, attempt.number)
        for carrier in carriers_of(ref.kind, self._profile):
            found = self._watched.get(carrier.kind, namespace, name, fresh_seconds=_FRESH_SECONDS)
            if found is None:
                found = self._api.get(path_of(carrier.api_version, carrier.plural, namespace, name))
                if found is None:
                    self._watched.forget(carrier.kind, namespace, name)
                else:
                    self._watched.keep(found)
            if found is not None and carries(found, ref, attempt):
                return found
        return None

    def _get(self, key: Key) -> Plain | None:
        """Read a workload as it is now; of one that is gone, no copy is kept, which somebody's late answer may have left."""
        ref, number = key
        name = workload_name(ref, number)
        for carrier in carriers_of(ref.kind, self._profile):
            found = self._api.get(self._path(carrier, name))
            if found is not None:
                return found
            self._watched.forget(carrier.kind, self._claimant.namespace, name)
        return None

    def _tell_ending(self, key: Key, found: Plain) -> None:
        """Write down how a team's own command ended, which only its pod knows."""
        if not holds(found, "Failed"):
            return
        selector = ",".join(f"{name}={value}" for name, value in labels(*key).items())
        where = path_of("v1", "pods", found["metadata"]["namespace"])
        failure = program.ending(self._api.items(where, selector=selector))
        if failure is None:
            return
        told = read_failure(self._store, *key)
        if (
            told is not None and told.is_interruption
        ):  # all that containers know which were ended with the pod
            go_on(self._store, *key)
        fail(self._store, *key, failure)

    def _explained(self, waiting: list[tuple[Key, Plain]]) -> Mapping[Key, Plain]:
        """Say why workloads do not run yet, from two lists of the namespace, and from its warnings where there is no pod.

        A program's pod is not ready before its command has ended, and does not wait for all that.
        """
        if not waiting:
            return {}
        namespace = self._claimant.namespace
        pods = self._listed(path_of("v1", "pods", namespace), selector=f"{MANAGED_BY}={MANAGER}")
        queued = self._listed(path_of(_KUEUE, "workloads", namespace))
        notes: dict[Key, Plain] = {}
        for key, found in waiting:
            uid, wanted = found["metadata"]["uid"], labels(*key).items()
            mine = [pod for pod in pods if wanted <= pod["metadata"].get("labels", {}).items()]
            if key[0].kind is Kind.PROGRAM and any(program.runs(pod) for pod in mine):
                notes[key] = {"waits": False}
                continue
            note = explain(mine, [item for item in queued if uid in owners(item)])
            if not note and not mine:
                events = self._listed(path_of("v1", "events", namespace), fields="type=Warning")
                note = warned([item for item in events if item["involvedObject"].get("uid") == uid])
            if note:
                notes[key] = {"note": note}
        return notes

    def _listed(self, path: str, selector: str = "", fields: str = "") -> list[Plain]:
        """List what all experiments of the namespace look into."""
        found: list[Plain] = self._remembered.of(
            (path, selector, fields), lambda: self._api.items(path, selector, fields)
        )
        return found

    def _refused(self, ref: ArtifactRef, attempt: Attempt, message: str) -> None:
        # Another attempt has another name, and the Profile may be mended by then.
        fail(
            self._store,
            ref,
            attempt.number,
            Failure(reason="WorkloadRefused", message=message, retry=Retry.LATER),
        )

    def _path(self, carrier: Carrier, name: str | None = None) -> str:
        return path_of(carrier.api_version, carrier.plural, self._claimant.namespace, name)


def _sight(found: Plain, *, joined: bool = True) -> Sight:
    """Say what a workload's own status says; that it is just starting is nothing to tell of."""
    carrier = next(item for item in CARRIERS if item.kind == found["kind"])
    sight = carrier.sight(found)
    if sight.phase is Phase.ENDED and "deletionTimestamp" in found["metadata"]:
        return Sight(phase=Phase.RUNNING, waits=True, note="it is being deleted", joined=joined)
    is_told = sight.phase is Phase.ENDED or is_suspended(found)
    return replace(sight, note=sight.note if is_told else "", joined=joined)


def _path_to(found: Plain) -> str:
    carrier = next(item for item in CARRIERS if item.kind == found["kind"])
    metadata = found["metadata"]
    return path_of(carrier.api_version, carrier.plural, metadata["namespace"], metadata["name"])
