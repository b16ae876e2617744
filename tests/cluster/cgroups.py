"""The cluster's own control groups, one in each hierarchy of the machine, be that version 1 or 2."""

import time
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def make(name: str) -> None:
    """Make the group in every hierarchy, able to hold processes and other groups."""
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in (
            "cpuset.cpus",
            "cpuset.mems",
        ):  # empty in a new group of version 1, which then takes nobody
            if (group / "cgroup.clone_children").exists() and (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())


def remove(name: str, *, patience_seconds: float = 10) -> None:
    """Remove the group and all below it, which no process may be in any more."""
    deadline = time.monotonic() + patience_seconds
    while groups := [hierarchy / name for hierarchy in _hierarchies() if (hierarchy / name).exists()]:
        for group in groups:
            below = sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True)
            for folder in [*below, group]:  # the deepest first
                with suppress(OSError):  # a process that was killed may still be leaving
                    folder.rmdir()
        if time.monotonic() > deadline:
            left = ", ".join(str(group) for group in groups)
            raise RuntimeError(
                f"control groups {left}: found processes in them, expected none after the cluster's end. "
                "See their cgroup.procs, end those, and run it again."
            )
        time.sleep(0.05)


def _hierarchies() -> list[Path]:
    if (ROOT / "cgroup.controllers").exists():  # version 2: one for all
        return [ROOT]
    return [path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink()]
