"""Two experiments, which share a third of their twelve stages, in a namespace and a store of their own on a real API server.

Controllers, pods and programs are played by `finisher`, and the watch by `Hearing`, so that what is tried is the operator alone.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.adapters.probes import Probes
from assay.adapters.watched import Watched
from assay.artifacts.documents import ArtifactRef
from assay.artifacts.layout import heartbeat_key, progress_key
from assay.errors import AssayError
from assay.settings.cluster import Surroundings
from assay.settings.common import now
from assay.stores.claims import attempts
from assay.stores.open import open_store
from assay.stores.records import load_record
from assay.workloads.names import attempt_of
from assay_operator.metrics import Metrics
from assay_operator.queue import Key
from assay_operator.reconcile import API_VERSION, Reconciler
from builders import a_pipeline, an_experiment
from effects import Effects, Killed
from finisher import finish, workloads
from orders import IMAGES
from s3servers import S3Server

Plain = dict[str, Any]

ROUNDS = 90  # of wake-ups; an undisturbed run takes six
ROUND = timedelta(seconds=7)  # longer than the pause before another attempt
CONTRAST = {
    "name": "effect",
    "stage": "scores",
    "contrasts": [{"name": "refusals", "a": "with", "b": "without"}],
}
EXPERIMENTS: dict[str, dict[str, Any]] = {
    "first": {"compare": [CONTRAST]},
    "second": {
        "arms": [
            {
                "name": "without",
                "stages": [{"name": "cleaned", "clean": {"steps": [{"name": "refusals", "remove": True}]}}],
            },
            {"name": "again", "stages": [{"name": "sft", "train": {"seed": 2}}]},
        ]
    },
}


@dataclass
class Hearing:
    """A watch: tells of each change once; one of them, counted from 1, goes another way."""

    number: int = 0  # 0: none
    fault: str = "lost"
    count: int = 0
    _told: dict[str, str] = field(default_factory=dict)  # versions, by UID
    _deaf: bool = False

    def tell(self, watched: Watched, found: list[Plain]) -> None:
        """Let the operator hear of what changed."""
        for item in found:
            metadata = item["metadata"]
            if self._told.get(metadata["uid"]) == metadata["resourceVersion"]:
                continue
            before = self._told.get(metadata["uid"])
            self._told[metadata["uid"]] = metadata["resourceVersion"]
            self.count += 1
            mine = self.count == self.number
            self._deaf |= mine and self.fault == "deaf"
            if self._deaf or (mine and self.fault == "lost"):
                continue
            watched.hear(item)
            if mine and self.fault == "late" and before is not None:
                watched.hear({**item, "metadata": {**metadata, "resourceVersion": before}, "status": {}})
            if mine and self.fault == "anew":  # it lost its place: all are told again, in whatever order
                for other in reversed(found):
                    watched.hear(other)


@dataclass(frozen=True)
class Ended:
    """What a run left."""

    statuses: dict[str, Any]
    outputs: dict[str, str]
    tries: dict[str, int]
    workloads: list[str]


class World:
    """A namespace and a store of their own."""

    def __init__(self, api: ClusterApi, server: S3Server) -> None:
        self.api = api
        self.namespace = f"effects-{secrets.token_hex(4)}"
        self.uri = f"s3://{server.bucket}/{self.namespace}"
        self.later = timedelta()  # than the true time, so that nothing is waited for
        self.skew = timedelta()  # of the operator's clock
        self.truncated = False  # whether programs leave half of their heartbeats and progress
        self.store = open_store(self.uri)
        open_store(f"{self.uri}-data").put("chats.jsonl", b"{}\n")
        api.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        profile = {
            "store": {
                "uri": self.uri,
                "endpoint": server.endpoint,
                "region": server.region,
                "secret": "store",
            },
            "data": f"{self.uri}-data",
            "images": IMAGES,
        }
        self._make("profiles", "Profile", "default", profile)
        for name, spec in EXPERIMENTS.items():
            whole = an_experiment(pipeline=a_pipeline(), **spec).model_dump(
                mode="json", by_alias=True, exclude_unset=True
            )
            self._make("experiments", "Experiment", name, whole["spec"])

    def _make(self, plural: str, kind: str, name: str, spec: dict[str, Any]) -> None:
        body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        self.api.create(path_of(API_VERSION, plural, self.namespace), body)

    def now(self) -> datetime:
        """Return the operator's time."""
        return now() + self.later + self.skew

    def status(self, name: str) -> dict[str, Any]:
        found = self.api.get(path_of(API_VERSION, "experiments", self.namespace, name)) or {}
        told: dict[str, Any] = found.get("status") or {}
        return told

    def operator(self) -> tuple[Reconciler, Watched]:
        watched = Watched(clock=lambda: self.later.total_seconds())  # noqa: PLW0108 -- it is another one each round
        around = Surroundings(cluster="bare", api=self.api, watched=watched, probes=Probes(self.api))
        return Reconciler(around, Metrics(), self.now), watched

    def turn(self, by: timedelta) -> None:
        """Turn the operator's clock."""
        self.skew += by

    def run(self, effects: Effects, hearing: Hearing) -> Ended:
        """Wake until both have ended; a killed operator is followed by another one, which knows nothing."""
        reconciler, watched = self.operator()
        for number in range(ROUNDS):
            self.later += ROUND
            for name in EXPERIMENTS:
                try:
                    with effects.counted():
                        reconciler.wake(Key(namespace=self.namespace, name=name))
                except Killed:
                    reconciler, watched = self.operator()
                except AssayError:
                    pass  # workers try again
            if self.truncated:
                self._truncate()
                if number % 2:
                    continue  # they go on meanwhile
            finish(self.api, self.namespace, self.store)
            hearing.tell(watched, list(workloads(self.api, self.namespace)))
            if all(self.status(name).get("phase") in {"Succeeded", "Failed"} for name in EXPERIMENTS):
                return self._ended()
        raise AssertionError(f"no end after {ROUNDS} rounds: {[self.status(name) for name in EXPERIMENTS]}")

    def _truncate(self) -> None:
        """Leave what a program would that was cut off while it told how it goes."""
        for found in workloads(self.api, self.namespace):
            ref, number = attempt_of(found) or (ArtifactRef(), 0)
            self.store.put(heartbeat_key(ref, number), b'{"at": "20')
            self.store.put(progress_key(ref, number), b'{"doing": "trai')

    def _ended(self) -> Ended:
        keys = [info.key for info in self.store.keys("stages/") if info.key.endswith("/record.json")]
        refs = [ArtifactRef("/".join(key.split("/")[1:3])) for key in keys]
        records = {str(ref): load_record(self.store, ref) for ref in refs}
        return Ended(
            statuses={
                name: {
                    member: self.status(name).get(member) for member in ("phase", "total", "done", "failed")
                }
                for name in EXPERIMENTS
            },
            outputs={ref: record.outputs_digest for ref, record in records.items() if record is not None},
            tries={str(ref): len(attempts(self.store, ref)) for ref in refs},
            workloads=sorted(found["metadata"]["name"] for found in workloads(self.api, self.namespace)),
        )
