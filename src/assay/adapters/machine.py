"""What this machine has: cores, memory, and who is alive on it."""

import os
import socket
from pathlib import Path

from assay.reconcile.facts import Capacity

_CGROUPS = (  # (limit, usage) of version 2 and version 1
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def machine_capacity(parallel: int | None) -> Capacity:
    """Return the cores this process may use and the memory that is free now, within its control group."""
    cpus = len(os.sched_getaffinity(0))
    return Capacity(cpus=cpus, memory_gib=_free_bytes() / 2**30, stages=parallel or cpus)


def owner_of(process: int) -> str:
    """Name a process so that no later one is mistaken for it: host, id and start time."""
    return f"local/{socket.gethostname()}/{process}/{_start_time(process)}"


def certainly_gone(owner: str) -> bool:
    """Whether the owner was a process of this machine that no longer runs; False when in doubt."""
    kind, host, process, started = (*owner.split("/"), "", "", "", "")[:4]
    if kind != "local" or host != socket.gethostname() or not process.isdigit():
        return False
    return _start_time(int(process)) != started


def _start_time(process: int) -> str:
    """Clock ticks since boot at which a process started; empty when it is not there."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _free_bytes() -> float:
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    for limit, usage in _CGROUPS:
        if limit.exists() and limit.read_text().strip().isdigit():
            free = min(free, float(limit.read_text()) - float(usage.read_text()))
    return free
