"""Ray for one stage: join the one that runs, or start a small one that ends with this process.

Starting Ray takes seconds and a handful of processes. A server that forks a child per stage calls `preload` once: one
head then starts beside it, serves all its children, and ends when the server and they are gone, however they end.
"""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ray
import ray.data
from ray.data import ExecutionResources

from assay.errors import Retry, StageError

ADDRESS = "RAY_ADDRESS"
HEAD_FILE = "ASSAY_RAY_HEAD"  # where the head of `preload` writes its address once it is ready

_GIB = 1 << 30
_STORE_SHARE = 0.4  # of a stage's memory, for blocks in shared memory; more goes to disk
_LEAST_STORE = 100 << 20
_PATIENCE_SECONDS = 120.0
_STARTS = 3  # Ray gives up after 30 s, which a busy machine may need


def connect(*, cpus: int, memory_gib: float) -> None:
    """Join the Ray of `RAY_ADDRESS` or of `preload`, or start one of this size; nothing happens when one is joined."""
    _quiet()
    if not ray.is_initialized():
        address = os.environ.get(ADDRESS) or _preloaded()
        if address:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        else:
            start(cpus=cpus, memory_gib=memory_gib)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.resource_limits = ExecutionResources(cpu=cpus)


def start(*, cpus: int, memory_gib: float) -> str:
    """Start a Ray that fate-shares with this process, and return its address.

    Raises:
        StageError: `Infrastructure`: it does not start.

    """
    _quiet()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    for left in reversed(range(_STARTS)):
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                object_store_memory=max(_LEAST_STORE, int(memory_gib * _STORE_SHARE * _GIB)),
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
            )
            return str(ray.get_runtime_context().gcs_address)
        except Exception as error:
            ray.shutdown()
            if not left:
                raise StageError(
                    "Infrastructure",
                    "ray",
                    f"found {error}, expected Ray to start",
                    "Free some CPU or memory; another attempt follows.",
                    retry=Retry.LATER,
                ) from error
    raise AssertionError


def preload(*, cpus: int | None = None, memory_gib: float = 2) -> None:
    """Start a head beside this process for all the children that it will fork. Returns at once; they wait for it."""
    if os.environ.get(ADDRESS) or os.environ.get(HEAD_FILE):
        return
    handle, name = tempfile.mkstemp(prefix="assay-ray-head-")
    os.close(handle)
    alive, held = os.pipe()  # the head reads from it; it ends when every holder of the other side has ended
    os.set_inheritable(held, False)  # noqa: FBT003 -- os has no other way
    subprocess.Popen(
        [
            sys.executable,
            "-m",
            "assay_pipelines.clean.ray_head",
            name,
            str(cpus or os.cpu_count() or 1),
            str(memory_gib),
        ],
        stdin=alive,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(alive)
    os.environ[HEAD_FILE] = name


def serve(file: Path, *, cpus: int, memory_gib: float) -> None:
    """Be the head: start Ray, warm it, say where it is, and stay until standard input ends."""
    try:
        address = start(cpus=cpus, memory_gib=memory_gib)
        ready = file.with_suffix(".tmp")
        ready.write_text(address)
        ready.replace(file)
        sys.stdin.read()
    finally:
        file.unlink(missing_ok=True)
        ray.shutdown()


def _preloaded() -> str | None:
    """Wait for the head's address; None when there is no head, or it is gone."""
    name = os.environ.get(HEAD_FILE)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while name and time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError):
            if address := Path(name).read_text():
                return address
            time.sleep(0.05)
            continue
        return None
    return None


def _quiet() -> None:
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)
