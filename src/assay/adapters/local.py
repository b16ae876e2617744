"""The local backend: attempts as child processes of fork servers on this machine.

One server per program, started when first needed. Logs are written to local files and copied into the store as they
grow.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from assay.adapters.machine import certainly_gone, machine_capacity, owner_of
from assay.artifacts.documents import ArtifactRef, Attempt
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import log_key, stage_key
from assay.errors import StageError
from assay.ports.backend import Key
from assay.reconcile.facts import Capacity, Obstacle, Phase, Sight
from assay.stores.open import open_store
from assay.stores.store import Store

PROGRAMS = "assay_pipelines"  # the package that holds one program per kind
GRACE_SECONDS = 20.0  # between asking to end and killing
_LOG_SECONDS = 2.0  # how often growing logs are copied


class LocalBackend:
    """Runs programs on this machine."""

    def __init__(
        self,
        *,
        parallel: int | None = None,
        environment: Mapping[str, str] | None = None,
        programs: str = PROGRAMS,
        approved: frozenset[str] = frozenset(),
    ) -> None:
        self._parallel = parallel
        self._programs = programs
        self._approved = approved
        self._environment = dict(environment or {})
        self._servers: dict[Kind, _Server] = {}
        self._children: dict[Key, _Child] = {}
        self._stores: dict[str, Store] = {}
        self._selector = selectors.DefaultSelector()
        self._folder = tempfile.TemporaryDirectory(prefix="assay-local-")
        self._memory = machine_capacity(parallel).memory_gib
        self._logs_copied = 0.0

    @property
    def owner(self) -> str:
        """Name this process."""
        return owner_of(os.getpid())

    def capacity(self) -> Capacity:
        """Return the machine's cores, and the memory that was free when the backend was made."""
        now = machine_capacity(self._parallel)
        return Capacity(cpus=now.cpus, memory_gib=self._memory, stages=now.stages)

    def launch(self, store_uri: str, ref: ArtifactRef, attempt: Attempt) -> None:
        """Fork a child."""
        log = Path(self._folder.name) / f"{ref.kind.value}-{ref.fingerprint[:20]}-{attempt.number}.log"
        arguments = ["--stage", f"{store_uri}/{stage_key(ref)}", "--attempt", str(attempt.number)]
        if store_uri not in self._stores:
            self._stores[store_uri] = open_store(store_uri)
        child = _Child(log=log, store=self._stores[store_uri])
        self._children[ref, attempt.number] = child
        self._server(ref.kind).ask({"id": _name((ref, attempt.number)), "argv": arguments, "log": str(log)})

    def sights(self, attempts: Iterable[tuple[ArtifactRef, Attempt]]) -> Mapping[Key, Sight]:
        """Tell own children by their ends, others of this machine by their owner, the rest not at all."""
        sights = {}
        for ref, attempt in attempts:
            child = self._children.get((ref, attempt.number)) if attempt.owner == self.owner else None
            if child is not None:
                # Until it is forked it shows no sign of life: on a busy machine importing takes minutes.
                phase = Phase.RUNNING if child.exit is None else Phase.ENDED
                sight = Sight(phase=phase, waits=not child.forked)
            elif attempt.owner == self.owner or certainly_gone(attempt.owner):
                sight = Sight(phase=Phase.ENDED)
            else:
                sight = Sight(phase=Phase.UNKNOWN)
            sights[ref, attempt.number] = sight
        return sights

    def obstacles(self) -> Mapping[Kind, Obstacle]:
        """Return none: whatever keeps a program from running here is told when it starts."""
        return {}

    def held(self) -> frozenset[Key]:
        """Return what runs."""
        return frozenset(key for key, child in self._children.items() if child.exit is None)

    def approved(self) -> frozenset[str]:
        """Return what whoever started this has approved."""
        return self._approved

    def join(self, key: Key) -> None:
        """Do nothing: a process has one owner."""

    def leave(self, key: Key) -> None:
        """Ask a child to end."""
        self._servers[key[0].kind].ask({"id": _name(key), "signal": int(signal.SIGTERM)})

    def wait(self, until: datetime) -> None:
        """Return when a child ended, or at `until`; copies logs meanwhile."""
        while True:
            left = (until - datetime.now(UTC)).total_seconds()
            events = self._selector.select(timeout=max(0.0, min(left, _LOG_SECONDS)))
            self._copy_logs()
            ended = [self._hear(key.data) for key, _ in events]
            if any(ended) or left <= 0:
                return

    def stop(self) -> None:
        """SIGTERM to all children, SIGKILL to those that stay."""
        for number, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
            deadline = time.monotonic() + patience
            for key, child in self._children.items():
                if child.exit is None:
                    self._servers[key[0].kind].ask({"id": _name(key), "signal": int(number)})
            while time.monotonic() < deadline and any(
                child.exit is None for child in self._children.values()
            ):
                for event, _ in self._selector.select(timeout=max(0.0, deadline - time.monotonic())):
                    self._hear(event.data)
        self.close()

    def close(self) -> None:
        """End the servers and with them whatever still runs."""
        self._copy_logs(force=True)
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        self._selector.close()
        self._folder.cleanup()

    def _server(self, kind: Kind) -> "_Server":
        if kind not in self._servers:
            server = _Server(f"{self._programs}.{kind.value}", Path(self._folder.name), self._environment)
            self._servers[kind] = server
            self._selector.register(server.events, selectors.EVENT_READ, server)
        return self._servers[kind]

    def _hear(self, server: "_Server") -> bool:
        """Take note of what a server says; True when a child ended."""
        ended = False
        for event in server.hear():
            if "id" in event:
                kind, fingerprint, number = event["id"].split("/")
                child = self._children[ArtifactRef(f"{kind}/{fingerprint}"), int(number)]
                child.forked = True
                child.exit = event.get("exit")
                ended = ended or child.exit is not None
        if ended:
            self._copy_logs(force=True)
        return ended

    def _copy_logs(self, *, force: bool = False) -> None:
        if not force and time.monotonic() - self._logs_copied < _LOG_SECONDS:
            return
        self._logs_copied = time.monotonic()
        for (ref, number), child in self._children.items():
            size = child.log.stat().st_size if child.log.exists() else 0
            if size > child.copied:
                child.store.upload(log_key(ref, number), child.log)
                child.copied = size


@dataclass(kw_only=True)
class _Child:
    """A forked attempt."""

    log: Path
    store: Store
    forked: bool = False
    exit: int | None = None
    copied: int = 0  # bytes of the log that are in the store


class _Server:
    """The runner's end of one fork server."""

    def __init__(self, program: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._program = program
        self._log = folder / f"server-{program}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "assay.adapters.forkserver", program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,  # Ctrl-C in the terminal reaches the runner alone
            )
        self._pending = b""

    @property
    def events(self) -> int:
        """The file descriptor that it speaks on."""
        return _pipe(self._process.stdout).fileno()

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request; it is served once the program is imported."""
        try:
            pipe = _pipe(self._process.stdin)
            pipe.write(json.dumps(request).encode() + b"\n")
            pipe.flush()
        except BrokenPipeError:
            raise self._broken("ended by itself") from None

    def hear(self) -> list[dict[str, Any]]:
        """Return what it said since last asked."""
        data = os.read(self.events, 65536)
        if not data:
            raise self._broken("ended by itself")
        *lines, self._pending = (self._pending + data).split(b"\n")
        events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        for event in events:
            if "error" in event:
                raise self._broken(event["error"])
        return events

    def close(self) -> None:
        """Let it end, with its children."""
        _pipe(self._process.stdin).close()
        try:
            self._process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _pipe(self._process.stdout).close()

    def _broken(self, what: str) -> StageError:
        tail = (
            "\n".join(self._log.read_text(errors="replace").splitlines()[-5:]) if self._log.exists() else ""
        )
        return StageError(
            "ProgramNotAvailable",
            f"the program {self._program}",
            f"found that it cannot be loaded here: {what}\n{tail}\n",
            "Install what a laptop needs: pip install 'assay[local]'.",
        )


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 -- asked for at start
    return pipe


def _name(key: Key) -> str:
    return f"{key[0]}/{key[1]}"
