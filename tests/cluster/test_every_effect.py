"""An operator that is killed, or refused, before or after any effect leaves what an undisturbed one leaves.

Two experiments, which share a third of their twelve stages, on a real API server and a real MinIO. Controllers, pods and programs are played by
`finisher`, so that what is tried is the operator alone. Here every sixteenth effect is tried; all of them with ASSAY_EVERY_EFFECT=1.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.adapters.probes import Probes
from assay.adapters.watched import Watched
from assay.artifacts.documents import ArtifactRef
from assay.errors import AssayError, ClusterError, StoreError
from assay.settings.cluster import Surroundings
from assay.settings.common import now
from assay.stores.claims import attempts
from assay.stores.open import open_store
from assay.stores.records import load_record
from assay_operator.api import ApiClient
from assay_operator.metrics import Metrics
from assay_operator.queue import Key
from assay_operator.reconcile import API_VERSION, Reconciler
from bare_cluster import bare_cluster
from builders import a_pipeline, an_experiment
from effects import Effects, Killed
from finisher import finish, workloads
from orders import IMAGES
from s3servers import S3Server

STEP = 1 if os.environ.get("ASSAY_EVERY_EFFECT") else 16
ROUNDS = 60  # of wake-ups; an undisturbed run takes a tenth
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
# The API server's certificate is its own.
pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
FAULTS: dict[str, Callable[[str], BaseException]] = {
    "killed": Killed,
    "throttled": lambda told: ClusterError(told, "found 429", "Wait.", status=429),
    "failing": lambda told: ClusterError(told, "found 500", "Wait.", status=500),
    "conflict": lambda told: ClusterError(told, "found 409", "Wait.", status=409),
    "silent": lambda told: ClusterError(told, "found no answer", "Wait.", status=0),
    "store": lambda told: StoreError(told, "found 503", "Wait."),
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterApi]:
    with bare_cluster(tmp_path_factory.mktemp("bare")) as reached:
        yield ClusterApi(ApiClient(reached))


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
        self.later = timedelta()
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
        """Return a time that goes faster than the true one, so that nothing is waited for."""
        return now() + self.later

    def status(self, name: str) -> dict[str, Any]:
        found = self.api.get(path_of(API_VERSION, "experiments", self.namespace, name)) or {}
        told: dict[str, Any] = found.get("status") or {}
        return told

    def operator(self) -> tuple[Reconciler, Watched]:
        watched = Watched()
        around = Surroundings(cluster="bare", api=self.api, watched=watched, probes=Probes(self.api))
        return Reconciler(around, Metrics(), self.now), watched

    def run(self, effects: Effects) -> Ended:
        """Wake until both have ended; a killed operator is followed by another one, which knows nothing."""
        reconciler, watched = self.operator()
        for _ in range(ROUNDS):
            self.later += ROUND
            for name in EXPERIMENTS:
                try:
                    with effects.counted():
                        reconciler.wake(Key(namespace=self.namespace, name=name))
                except Killed:
                    reconciler, watched = self.operator()
                except AssayError:
                    pass  # workers try again
            finish(self.api, self.namespace, self.store)
            for found in workloads(self.api, self.namespace):
                watched.keep(found)
            if all(self.status(name).get("phase") in {"Succeeded", "Failed"} for name in EXPERIMENTS):
                return self._ended()
        raise AssertionError(f"no end after {ROUNDS} rounds: {[self.status(name) for name in EXPERIMENTS]}")

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


@pytest.fixture
def world(api: ClusterApi, minio_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Callable[[], World]:
    for name, value in minio_server.environment.items():
        monkeypatch.setenv(name, value)
    return lambda: World(api, minio_server)


def disturbed(
    world: Callable[[], World], monkeypatch: pytest.MonkeyPatch, **fault: Any
) -> tuple[Ended, Effects]:
    effects = Effects(**fault)
    with monkeypatch.context() as patched:
        made = world()
        patched.setattr("assay.settings.cluster.now", made.now)
        effects.patch(patched)
        return made.run(effects), effects


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_at_any_effect_changes_nothing_in_the_end(
    world: Callable[[], World], monkeypatch: pytest.MonkeyPatch, kind: str, *, after: bool
) -> None:
    calm, undisturbed = disturbed(world, monkeypatch)
    assert set(calm.tries.values()) == {1}
    assert [status["phase"] for status in calm.statuses.values()] == ["Succeeded", "Succeeded"]
    assert len(calm.outputs) == 12

    for number in chosen(undisturbed, kind):
        ended, effects = disturbed(world, monkeypatch, number=number, after=after, fault=FAULTS[kind])
        assert effects.count >= number
        assert ended == calm, (
            f"{kind} {'after' if after else 'before'} effect {number}: {effects.seen[number - 1]}"
        )


def chosen(undisturbed: Effects, kind: str) -> list[int]:
    """Return the numbers of the effects that this fault may befall, or of some of them."""
    fits = [
        number
        for number, seen in enumerate(undisturbed.seen, start=1)
        if kind == "killed" or seen.startswith("store") == (kind == "store")
    ]
    return fits[list(FAULTS).index(kind) % STEP :: STEP]
