"""A real API server, a real MinIO, an operator and a finisher, each a process of its own, for benchmarks of the operator."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import psutil
import urllib3
from kubernetes import client
from ruamel.yaml import YAML

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.api.experiment import GROUP, VERSION
from assay.stores.open import open_store
from assay_operator.api import ApiClient
from bare_cluster import bare_cluster
from orders import IMAGES
from s3servers import S3Server, free_ports, running_minio

HERE = Path(__file__).parent
API_VERSION = f"{GROUP}/{VERSION}"
NAMESPACE = "assay-system"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:operator"
PATIENCE_SECONDS = 120
urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the API server's certificate is its own
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "users": [OPERATOR],
            "verbs": ["create", "update", "patch", "delete", "deletecollection"],
        },
        {"level": "None"},
    ],
}


@dataclass(frozen=True, kw_only=True)
class World:
    """How its servers are reached, and the folder that they write to."""

    folder: Path
    reached: client.Configuration
    server: S3Server

    @property
    def api(self) -> ClusterApi:
        return ClusterApi(ApiClient(self.reached))

    def team(self, name: str, **limits: Any) -> str:
        """Make a namespace with a store and a Profile; return the store's URI."""
        uri = f"s3://{self.server.bucket}/{name}"
        open_store(f"{uri}-data", self.server.environment).put("chats.jsonl", b"{}\n")
        reached = {"endpoint": self.server.endpoint, "region": self.server.region, "secret": "store"}
        spec = {"store": {"uri": uri, **reached}, "data": f"{uri}-data", "images": IMAGES, "limits": limits}
        body = {"apiVersion": API_VERSION, "kind": "Profile", "metadata": {"name": "default"}, "spec": spec}
        self.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
        self.api.create(path_of(API_VERSION, "profiles", name), body)
        return uri

    def writes(self) -> Counter[str]:
        """Count what the operator wrote, by verb and resource, from the API server's audit log; leases are no work."""
        counts: Counter[str] = Counter()
        with (self.folder / "audit.jsonl").open() as log:
            for line in log:
                event = json.loads(line)
                named = event["objectRef"]
                if named["resource"] != "leases" and event["stage"] == "ResponseComplete":
                    parts = filter(None, [named["resource"], named.get("subresource")])
                    counts[f"{event['verb']} {'/'.join(parts)}"] += 1
        return counts

    def kubeconfigs(self) -> tuple[Path, Path]:
        """Write one for the operator's service account, which may do anything, and one for everybody else."""
        api, rbac = self.api, "rbac.authorization.k8s.io/v1"
        api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})  # if nobody made it
        api.create(path_of("v1", "serviceaccounts", NAMESPACE), {"metadata": {"name": "operator"}})
        subject = {"kind": "ServiceAccount", "name": "operator", "namespace": NAMESPACE}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        binding = {"metadata": {"name": "operator"}, "roleRef": role, "subjects": [subject]}
        api.create(path_of(rbac, "clusterrolebindings"), binding)
        asked = api.create(f"{path_of('v1', 'serviceaccounts', NAMESPACE, 'operator')}/token", {"spec": {}})
        if asked is None:
            raise RuntimeError("the API server gave no token")
        return (
            self._kubeconfig("operator", asked["status"]["token"]),
            self._kubeconfig("others", self.reached.api_key["authorization"].removeprefix("Bearer ")),
        )

    def _kubeconfig(self, name: str, token: str) -> Path:
        path = self.folder / f"{name}.kubeconfig"
        # As in a pod: an operator that trusts anybody reads the machine's authorities for each connection, 0.8 MiB.
        authority = str(self.folder / "cluster" / "certificates" / "apiserver.crt")
        cluster = {"server": self.reached.host, "certificate-authority": authority}
        words = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": token}}],
        }
        with path.open("w") as file:
            YAML().dump(words, file)
        return path


def processor_seconds() -> Counter[str]:
    """Return what each of the processes that were started here has used, by what it is."""
    used: Counter[str] = Counter()
    for process in psutil.Process().children():
        words = process.cmdline()
        name = Path(words[1] if "python" in words[0] else words[0]).stem.partition("-")
        used["apiserver" if name[2].startswith("apiserver") else name[0].strip("_")] += sum(
            process.cpu_times()[:2]
        )
    return used


@contextmanager
def bare_world(folder: Path) -> Iterator[World]:
    """Run both servers in an empty folder while the caller holds them."""
    (folder / "cluster").mkdir()
    (folder / "minio").mkdir()
    (folder / "audit.json").write_text(json.dumps(AUDIT))
    flags = (
        f"--audit-policy-file={folder / 'audit.json'}",
        f"--audit-log-path={folder / 'audit.jsonl'}",
        "--audit-log-mode=blocking",
    )
    with running_minio(folder / "minio") as server, bare_cluster(folder / "cluster", *flags) as reached:
        yield World(folder=folder, reached=reached, server=server)


class Operator:
    """The operator's process, its store so many milliseconds away."""

    def __init__(self, world: World, kubeconfig: Path, *, store_milliseconds: float) -> None:
        self._told = world.folder / f"requests-{secrets.token_hex(4)}"
        health, webhook = free_ports(2)
        self._health = f"http://127.0.0.1:{health}"
        self._log = world.folder / "operator.log"
        environment = {
            "ASSAY_HEALTH_PORT": str(health),
            "ASSAY_WEBHOOK_PORT": str(webhook),
            "ASSAY_LEASE": self._told.name,  # of its own, so that nobody waits for that of the one before
            "ASSAY_LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, HERE / "_slow_store.py", str(store_milliseconds), self._told]
        self._process = started(world, kubeconfig, command, environment, self._log)
        self._watched = psutil.Process(self._process.pid)
        self.peak_mib = 0.0

    def wait_until_it_leads(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if (
                    b"assay_leader 1.0"
                    in urllib3.request("GET", f"{self._health}/metrics", retries=False).data
                ):
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.2)
        raise RuntimeError(f"the operator does not lead: {self.complaints()[-3000:]}")

    def look(self) -> None:
        """Take note of what memory it holds.

        Raises:
            RuntimeError: it ended by itself, as one does that has no time to renew its lease.

        """
        if self._process.poll() is not None:
            raise RuntimeError(f"the operator ended: {self.complaints()[-500:]}")
        self.peak_mib = max(self.peak_mib, self._watched.memory_info().rss / 2**20)

    def complaints(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self) -> int:
        """End it, and return how many requests it sent to the store."""
        ended(self._process)
        return int(self._told.read_text())


class Finisher:
    """The process that ends workloads."""

    def __init__(
        self, world: World, kubeconfig: Path, *, team: str, store: str = "", program: str = "_finisher.py"
    ) -> None:
        self._told = world.folder / f"finished-{secrets.token_hex(4)}"
        environment = {**world.server.environment, "ASSAY_STORE": store, "ASSAY_TEAM": team}
        command = [sys.executable, HERE / program, self._told]
        self._process = started(world, kubeconfig, command, environment, world.folder / "finisher.log")

    def told(self) -> dict[str, Any]:
        """Return what it did so far."""
        return json.loads(self._told.read_text()) if self._told.exists() else {"ended": 0}

    def stop(self) -> dict[str, Any]:
        ended(self._process)
        return self.told()


def started(
    world: World, kubeconfig: Path, command: list[Any], environment: dict[str, str], log: Path
) -> subprocess.Popen:
    theirs = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    ours = {"KUBECONFIG": str(kubeconfig), "PYTHONWARNINGS": "ignore", **world.server.environment}
    with log.open("ab") as sink:
        return subprocess.Popen(command, env=theirs | ours | environment, stdout=sink, stderr=sink)


def ended(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
