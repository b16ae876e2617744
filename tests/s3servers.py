"""Two real S3 servers as fixtures: MinIO, built from its source, and SeaweedFS, from its wheel.

Each starts when a test first asks for it, on free loopback ports, with credentials of its own, in a temporary
folder, and ends with the session, however that ends. A server that does not start is an error with the end of its
log: nothing is skipped for want of one.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from minio import Minio
from minio.error import MinioException

AS_STARTED = dict(os.environ)  # before tests import programs, which move caches to the temporary folder
BUILD_GO_PROGRAM = Path(__file__).parents[1] / "scripts" / "go-programs" / "build.py"
PATIENCE_SECONDS = 90  # a server is up within 2 s (MinIO) or 8 s (SeaweedFS) on an idle machine


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server; `bucket` exists and takes objects."""

    endpoint: str  # a URL
    access_key: str
    secret_key: str
    bucket: str = "assay-tests"
    region: str = "us-east-1"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": self.region,
        }

    def client(self) -> Minio:
        return self._client(urllib3.PoolManager(maxsize=32))

    def impatient_client(self) -> Minio:
        """A client that gives up at once, to ask whether the server is up."""
        return self._client(urllib3.PoolManager(timeout=2, retries=False))

    def _client(self, pool: urllib3.PoolManager) -> Minio:
        return Minio(
            urlsplit(self.endpoint).netloc,
            access_key=self.access_key,
            secret_key=self.secret_key,
            secure=False,
            region=self.region,
            http_client=pool,
        )


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with running_minio(tmp_path_factory.mktemp("minio")) as server:
        yield server


@contextmanager
def running_minio(folder: Path) -> Iterator[S3Server]:
    """Run MinIO in an empty folder while the caller holds it."""
    built = subprocess.run(
        [sys.executable, BUILD_GO_PROGRAM, "minio"],
        env=AS_STARTED,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    port, console = free_ports(2)
    server = _server(port)
    ours = {
        "MINIO_ROOT_USER": server.access_key,
        "MINIO_ROOT_PASSWORD": server.secret_key,
        "MINIO_SITE_REGION": server.region,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",  # asks nobody for a newer version
    }
    theirs = {name: value for name, value in os.environ.items() if not name.startswith("MINIO_")}
    command = [built.stdout.strip(), "server", folder / "data", f"--address=127.0.0.1:{port}"]
    command += [f"--console-address=127.0.0.1:{console}", f"--certs-dir={folder / 'certs'}"]
    with _running(command, folder, server, environment=theirs | ours):
        yield server


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    folder = tmp_path_factory.mktemp("seaweedfs")
    (folder / "data").mkdir()
    roles = ("s3", "master", "volume", "filer")
    doors = [f"{role}.port{kind}" for role in roles for kind in ("", ".grpc")]
    ports = dict(zip(doors, free_ports(len(doors)), strict=True))
    server = _server(ports["s3.port"])
    key = {"accessKey": server.access_key, "secretKey": server.secret_key}
    identity = {
        "name": "tests",
        "credentials": [key],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    command = [Path(sysconfig.get_path("scripts"), "weed"), "server", "-s3", "-filer", "-ip=127.0.0.1"]
    command += [f"-dir={folder / 'data'}", f"-s3.config={folder / 's3.json'}"]
    command += [f"-{door}={port}" for door, port in ports.items()]
    command += ["-s3.port.iceberg=0", "-s3.port.lance=0"]
    command += [f"-{role}.localSocket={folder / role}.sock" for role in ("s3", "filer")]
    command += ["-volume.max=100", "-master.volumeSizeLimitMB=64"]  # small volumes, enough for many buckets
    command += ["-master.telemetry=false"]
    try:
        with _running(command, folder, server, environment=dict(os.environ)):
            yield server
    finally:  # killed, as ending at its own pace takes it 25 s, it leaves sockets where no option can move them
        for port in ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - the server's choice
                left.unlink()


def _server(port: int) -> S3Server:
    return S3Server(
        endpoint=f"http://127.0.0.1:{port}",
        access_key=secrets.token_hex(10),
        secret_key=secrets.token_hex(20),
    )


def free_ports(count: int) -> list[int]:
    """Ports that nobody holds, below those that a system gives to outgoing connections meanwhile."""
    ports: list[int] = []
    for port in secrets.SystemRandom().sample(range(20_000, 32_000), 1_000):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError(f"found {len(ports)} free loopback ports between 20000 and 32000, expected {count}")


@contextmanager
def _running(
    command: Sequence, folder: Path, server: S3Server, *, environment: dict[str, str]
) -> Iterator[None]:
    """Run the server while the caller holds it."""
    log = folder / "log"
    # Linux kills it with this process, should there be no time for the `finally` below.
    leash = ["setpriv", "--pdeathsig=KILL", "--"] if shutil.which("setpriv") else []
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [*leash, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    try:
        _wait_until_ready(process, server, log)
        yield
    finally:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen, server: S3Server, log: Path) -> None:
    """Return once an object can be written and read: an open port is no store yet."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    client = server.impatient_client()
    while True:
        try:
            if not client.bucket_exists(server.bucket):
                client.make_bucket(server.bucket)
            client.put_object(server.bucket, "ready", BytesIO(b"yes"), 3)
            client.get_object(server.bucket, "ready").close()
            client.remove_object(server.bucket, "ready")
        except (MinioException, urllib3.exceptions.HTTPError) as refusal:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(_obituary(process, refusal, log)) from refusal
            time.sleep(0.1)
        else:
            return


def _obituary(process: subprocess.Popen, refusal: Exception, log: Path) -> str:
    ended = process.poll()
    state = (
        f"ended with {ended}"
        if ended is not None
        else f"was not ready after {PATIENCE_SECONDS} s ({refusal!r})"
    )
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
    return f"the {log.parent.name} server {state}; the end of {log}:\n{tail}"
