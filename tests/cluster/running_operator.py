"""The operator as a process of the host, with the rights that its install objects give, and nothing more."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import urllib3
from minio import Minio
from ruamel.yaml import YAML

from assay.artifacts.documents import Record
from assay.stores.open import open_to_read
from assay.stores.store import Store
from cluster.access import Cluster
from operator_access import NAMESPACE, install
from store_users import a_user

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


class RunningOperator:
    """One replica. `kill` and `start` as often as you like: nothing that matters is in it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self._folder = folder
        self._kubeconfig = folder / "operator.kubeconfig"
        self._ports = [_free_port() for _ in range(2)]
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Install what a cluster owner installs, and let the API server find the webhook on the host."""
        registration = ("validatingwebhookconfiguration", "assay-operator")
        # Helm would lay its own words over those of an earlier session here.
        self.cluster.kubectl("delete", *registration, "--ignore-not-found")
        install(self.cluster, replicas=0, trainerRuntime={"enabled": True})
        found = {"url": f"https://{self.cluster.host}:{self._ports[0]}/validate"}
        patch = [{"op": "replace", "path": "/webhooks/0/clientConfig", "value": found}]
        self.cluster.kubectl("patch", *registration, "--type=json", f"--patch={json.dumps(patch)}")
        token = self.cluster.kubectl(
            "create", "token", "assay-operator", f"--namespace={NAMESPACE}", "--duration=24h"
        ).strip()
        words = YAML(typ="safe").load(self.cluster.kubeconfig)
        for user in words["users"]:
            user["user"] = {"token": token}
        with self._kubeconfig.open("w") as file:
            YAML().dump(words, file)

    def start(self) -> None:
        """Start, and return when it is ready to serve."""
        self.spawn()
        self.wait_until_ready()

    def spawn(self) -> None:
        """Start, and do not wait."""
        ours = {
            "KUBECONFIG": str(self._kubeconfig),
            "ASSAY_WEBHOOK_PORT": str(self._ports[0]),
            "ASSAY_HEALTH_PORT": str(self._ports[1]),
            "ASSAY_CERTIFICATE_NAMES": self.cluster.host,
            **self.cluster.s3_environment,
        }
        theirs = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        with (self._folder / "operator.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "assay_operator"], env=theirs | ours, stdout=log, stderr=log
            )
        threading.Thread(target=self._restart, args=(self._process,), daemon=True).start()

    def wait_until_ready(self) -> None:
        """Return when it serves, and its watch has begun."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = urllib3.request("GET", f"http://127.0.0.1:{self._ports[1]}/readyz", retries=False)
                if answer.status == 200:
                    return
                complaint = answer.data.decode()
            except urllib3.exceptions.HTTPError as error:
                complaint = str(error)
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the operator is not ready: {complaint}; its log: {self.log[-3000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, as a kubelet ends it."""
        self._end(signal.SIGTERM)

    @property
    def log(self) -> str:
        return (self._folder / "operator.log").read_text(errors="replace")

    @property
    def resident_mib(self) -> float:
        assert self._process is not None
        return psutil.Process(self._process.pid).memory_info().rss / 2**20

    def wait_until_it_leads(self) -> None:
        """Return when it works."""
        eventually(lambda: "assay_leader 1.0" in self.metrics(), "it leads")

    def metrics(self) -> str:
        return urllib3.request("GET", f"http://127.0.0.1:{self._ports[1]}/metrics").data.decode()

    def _restart(self, process: subprocess.Popen[bytes]) -> None:
        """Do as a kubelet does, when it ended by itself, as a leader does that lost its lease."""
        process.wait()
        if self._process is process:
            self.spawn()

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="session")
def installed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningOperator]:
    """CRDs, rights and webhook; the operator runs while the tests do, but for those that kill it."""
    running = RunningOperator(cluster, tmp_path_factory.mktemp("operator"))
    running.install()
    running.start()
    yield running
    running.stop()


class Team:
    """A namespace with a Profile, a store of its own, and a Secret with credentials for that store alone."""

    def __init__(self, cluster: Cluster, namespace: str, store: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.store = store
        self.user = a_user(cluster.s3_environment, store)

    def profile(self, **spec: Any) -> None:
        """Apply the Profile `default`; `spec` replaces members of it, None takes them out."""
        image = self.cluster.image
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "store", "namespace": self.namespace},
            "stringData": {"accessKey": self.user.access_key, "secretKey": self.user.secret_key},
        }
        whole = {
            "store": {
                "uri": self.store,
                "endpoint": self.cluster.s3_endpoint,
                "region": "us-east-1",
                "secret": "store",
            },
            "data": f"{self.store}-data",
            "images": {"clean": image, "train": image, "evaluate": image},
            "pools": small_pools(),
            **spec,
        }
        said = {name: value for name, value in whole.items() if value is not None}
        self.cluster.apply(secret, self._object("Profile", "default", said))

    def prepare(self, model: Path) -> None:
        """Put there what `scores` and `cleaning` read."""
        for path in sorted(model.iterdir()):
            self.upload(f"model/{path.name}", path)
        self.upload("questions.jsonl", questions())

    def apply(self, name: str, spec: Mapping[str, Any]) -> None:
        self.cluster.apply(self._object("Experiment", name, spec))

    def status(self, name: str) -> dict[str, Any]:
        found = self.cluster.get("experiment", name, f"--namespace={self.namespace}")
        status: dict[str, Any] = found.get("status") or {}
        return status

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        conditions = {item["type"]: item for item in self.status(name).get("conditions", ())}
        found: dict[str, Any] = conditions.get(kind, {})
        return found

    def finished(self, name: str, *, seconds: int = 900) -> dict[str, Any]:
        """Wait until every stage is final; return the status."""
        where = (f"experiment/{name}", f"--namespace={self.namespace}")
        self.cluster.wait("condition=Complete", *where, seconds=seconds)
        return self.status(name)

    def workloads(self, kind: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cluster.get(
            kind, f"--namespace={self.namespace}", "--selector=app.kubernetes.io/managed-by=assay"
        )["items"]
        return found

    def records(self) -> dict[str, Record]:
        """Return what finished stages left in the store."""
        return records(open_to_read(self.store, self.cluster.s3_environment))

    def upload(self, name: str, data: bytes | Path) -> None:
        """Put a file where relative paths of specs start."""
        bucket, _, prefix = f"{self.store}-data".removeprefix("s3://").partition("/")
        client = client_of(self.cluster)
        key = f"{prefix}/{name}" if prefix else name
        if isinstance(data, Path):
            client.fput_object(bucket, key, str(data))
        else:
            client.put_object(bucket, key, BytesIO(data), len(data))

    def upload_samples(self) -> None:
        """Put the samples' data there."""
        samples = ROOT / "manifests" / "samples"
        for path in sorted((samples / "data").rglob("*")):
            if path.is_file():
                self.upload(str(path.relative_to(samples)), path)

    def _object(self, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "apiVersion": "assay.dev/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": dict(spec),
        }


@pytest.fixture
def team(installed: RunningOperator, cluster: Cluster, namespace: str, tiny_model: Path) -> Iterator[Team]:
    made = a_team(cluster, namespace)
    made.prepare(tiny_model)
    before = len(installed.log)
    yield made
    print(installed.log[before:][-20_000:])  # shown of a test that fails


@pytest.fixture(scope="session")
def tiny_model(make_model: Callable[[], Path]) -> Path:
    return make_model()


def a_team(cluster: Cluster, namespace: str) -> Team:
    """A team whose store nobody used before, so that nothing is a hit."""
    make_bucket(cluster)
    made = Team(cluster, namespace, f"s3://assay/{secrets.token_hex(4)}")
    made.profile()
    return made


def make_bucket(cluster: Cluster) -> None:
    """Make the bucket of all teams, unless it is there."""
    client = client_of(cluster)
    if not client.bucket_exists("assay"):
        client.make_bucket("assay")


def records(store: Store) -> dict[str, Record]:
    """Return the records in a store, by their keys."""
    found = [info.key for info in store.keys("stages/") if info.key.endswith("/record.json")]
    return {key: Record.decode(store.get(key) or b"") for key in found}


def questions() -> bytes:
    """Return lines that are both questions of a benchmark and text."""
    question = {"subject": "sky", "question": "Nearest?", "choices": ["A", "B", "C", "D"], "answer": 0}
    lines = [json.dumps({"id": str(number), **question, "text": f"Line {number}."}) for number in range(8)]
    return "\n".join(lines).encode()


def scores(*names: str) -> dict[str, Any]:
    """Return a spec of one Job per name: a tiny model answers questions, nothing is cleaned or trained."""
    task = {"name": "questions", "multipleChoice": {"data": "questions.jsonl"}}
    return {
        "pipeline": [
            {"name": name, "evaluate": {"model": {"uri": "model"}, "tasks": [{**task, "name": f"of-{name}"}]}}
            for name in names
        ],
        "arms": [{"name": "only"}],
    }


def cleaning(*names: str) -> dict[str, Any]:
    """Return a spec of one RayJob per name."""
    return {
        "pipeline": [
            {
                "name": name,
                "clean": {
                    "sources": [{"name": name, "uri": "questions.jsonl", "format": "text"}],
                    "steps": [{"exactDuplicates": {}}],
                },
            }
            for name in names
        ],
        "arms": [{"name": "only"}],
    }


def small_pools() -> dict[str, Any]:
    """Pods that a small machine holds several of."""
    return {
        "clean": {"cpus": 0.25, "memoryGib": 1.5, "maxWorkers": 1},
        "train": {"cpus": 0.25, "memoryGib": 2, "nodes": 2, "graceSeconds": 20},
        "evaluate": {"cpus": 0.25, "memoryGib": 2},
    }


def eventually(ask: Callable[[], Any], expected: str, *, seconds: float = 120) -> Any:
    """Return the first true answer; `expected` says what it means, where it never comes."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {seconds} s: {expected}; the last answer was {answer!r}")
        time.sleep(0.3)
    return answer


def client_of(cluster: Cluster) -> Minio:
    return Minio(
        urlsplit(cluster.s3_endpoint).netloc,
        access_key=cluster.s3_access_key,
        secret_key=cluster.s3_secret_key,
        secure=False,
        region="us-east-1",
        http_client=urllib3.PoolManager(maxsize=16),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port
