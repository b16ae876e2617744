"""`python -m cluster build | up | down`: the cluster from the command line.

`up` holds it for the session of the shell that called it, and ends with it; `--for PID` names another process.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from cluster import images, machine, outside
from cluster.programs import PROGRAMS, program


def main() -> None:
    parser = argparse.ArgumentParser(prog="cluster", description="A real Kubernetes cluster for tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build what it consists of: the programs, the base image")
    up = commands.add_parser("up", help="start it, unless it runs")
    up.add_argument("--for", dest="parent", type=int, help="the process whose end it is not to outlive")
    commands.add_parser("down", help="end it")
    told = parser.parse_args()
    try:
        {"build": build, "up": lambda: start(told.parent), "down": stop}[told.command]()
    except RuntimeError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def build() -> None:
    machine.prepare()
    for name in PROGRAMS:
        program(name)
    images.base_images()


def start(parent: int | None) -> None:
    started = time.monotonic()
    cluster, made = outside.up(parent=parent or _session())
    said = f"made in {time.monotonic() - started:.0f} s" if made else "it runs already"
    print(f"cluster: {said}. Its API server is {cluster.api}, its image {cluster.image}")
    print(f"export KUBECONFIG={cluster.kubeconfig}")


def _session() -> int | None:
    """Return the shell behind the caller; None where it is gone, and the cluster then stays until `down`."""
    leader = os.getsid(0)
    return leader if leader not in (0, os.getpid()) and Path(f"/proc/{leader}").exists() else None


def stop() -> None:
    print("cluster: ended" if outside.down() else "cluster: there was none")


if __name__ == "__main__":
    main()
