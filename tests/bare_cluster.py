"""An API server and its etcd, and nothing else: no node, no scheduler, no controller. What is written stays as it was written."""

import lzma
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client
from ruamel.yaml import YAML

from assay.adapters.cluster_api import ClusterApi, path_of
from assay.errors import ClusterError
from assay_operator.api import ApiClient
from cluster.programs import program
from s3servers import free_ports

ROOT = Path(__file__).parents[1]
OURS = sorted((ROOT / "manifests" / "crds").glob("*.yaml"))
FOREIGN = sorted((ROOT / "tests" / "golden" / "crds").glob("*s.yaml.xz"))
_PATIENCE_SECONDS = 180  # ten suffice where nobody else works
_CRD = "apiextensions.k8s.io/v1"


@contextmanager
def bare_cluster(folder: Path, *flags: str) -> Iterator[client.Configuration]:
    """Run them in an empty folder while the caller holds them; yield how they are reached, by whom nothing is refused.

    `flags` are more of the API server's.
    """
    etcd, peers, port = free_ports(3)
    token = secrets.token_hex(16)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, stderr=subprocess.DEVNULL)
    commands = [
        [
            program("etcd"),
            f"--data-dir={folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peers}",
        ],
        [
            program("kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={folder / 'certificates'}",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.96.0.0/24",
            *flags,
        ],
    ]
    found = client.Configuration()
    found.host, found.verify_ssl, found.retries = f"https://127.0.0.1:{port}", False, False
    found.api_key = {"authorization": f"Bearer {token}"}
    found.no_proxy = "127.0.0.1"
    with (folder / "log").open("wb") as log:
        processes = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
        try:
            _define_kinds(ClusterApi(ApiClient(found)))
            yield found
        finally:
            for process in reversed(processes):
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[client.Configuration]:
    with bare_cluster(tmp_path_factory.mktemp("bare")) as reached:
        yield reached


def _define_kinds(api: ClusterApi) -> None:
    """Wait for the API server, and give it assay's kinds and those of the workloads."""
    _eventually(lambda: api.get("/api/v1/namespaces/default"))
    ours = [YAML(typ="safe").load(path.read_text()) for path in OURS]
    for definition in [*ours, *(_unpacked(path) for path in FOREIGN)]:
        api.create(path_of(_CRD, "customresourcedefinitions"), definition)
        spec = definition["spec"]
        [version] = [item["name"] for item in spec["versions"] if item["storage"]]
        _eventually(lambda spec=spec, version=version: _is_served(api, spec, version))


def _unpacked(path: Path) -> Any:
    return yaml.load(lzma.decompress(path.read_bytes()), yaml.CSafeLoader)


def _is_served(api: ClusterApi, spec: dict[str, Any], version: str) -> bool:
    api_version, plural = f"{spec['group']}/{version}", spec["names"]["plural"]
    found = api.get(f"/apis/{api_version}") or {"resources": []}
    is_named = any(item["name"] == plural for item in found["resources"])
    return (
        is_named and api.items(path_of(api_version, plural)) == []
    )  # refused, not empty, until it is stored


def _eventually(ask: Any) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with suppress(ClusterError):
            if ask():
                return
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not so after {_PATIENCE_SECONDS} s: the API server serves what it was given"
            )
        time.sleep(0.1)
