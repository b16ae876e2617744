"""Every store there is: the fake, a folder, and two real S3 servers."""

import os
import secrets
from pathlib import Path
from typing import Any

import pytest

from assay.stores.open import open_store
from assay.stores.store import Store
from fakes.memory_store import MemoryStore

S3_SERVERS = ("minio", "seaweedfs")
REAL = ("folder", *S3_SERVERS)


def forget_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_credentials(monkeypatch)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the environment for a server; named arguments override."""

    def set_environment(server: Any, **overrides: str) -> None:
        values = {
            "AWS_ENDPOINT_URL": server.endpoint,
            "AWS_REGION": server.region,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
        } | overrides
        forget_credentials(monkeypatch)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return set_environment


@pytest.fixture(params=S3_SERVERS)
def server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture(params=REAL)
def real_uri(request: pytest.FixtureRequest, tmp_path: Path, aws: Any) -> str:
    """The URI of a place that nothing was ever written to."""
    if request.param == "folder":
        return (tmp_path / "store").as_uri()
    server = request.getfixturevalue(f"{request.param}_server")
    aws(server)
    return f"s3://{server.bucket}/tests/{secrets.token_hex(8)}"


@pytest.fixture(params=["memory", *REAL])
def store(request: pytest.FixtureRequest, tmp_path: Path, aws: Any) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "folder":
        return open_store((tmp_path / "store").as_uri())
    server = request.getfixturevalue(f"{request.param}_server")
    aws(server)
    return open_store(f"s3://{server.bucket}/tests/{secrets.token_hex(8)}")
