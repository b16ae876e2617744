"""The namespaces that the cluster runs in, seen from the host: made, joined to it, and entered."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import BinaryIO

import psutil

from cluster.site import Site

NUMBERS = range(201, 231)
PATIENCE_SECONDS = 30


def make(folder: Path, parent: int | None) -> tuple[psutil.Process, Callable[[dict], None]]:
    """Return the first process of new namespaces, and what tells it all that it waits for."""
    (folder / "log").mkdir()
    leash = None if parent is None else os.pidfd_open(parent)  # readable once that process has ended
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    with (folder / "log" / "inside.log").open("wb") as log:
        outer = subprocess.Popen(
            [*unshare, sys.executable, "-m", "cluster.inside"],
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            pass_fds=[] if leash is None else [leash],
            start_new_session=True,  # Ctrl-C is for whoever started it, who then ends it
        )
    if leash is not None:
        os.close(leash)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (children := psutil.Process(outer.pid).children()):
        if outer.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(
                f"cluster: `unshare` made no namespaces, expected root with all capabilities; see {log.name}"
            )
        time.sleep(0.01)
    outer.returncode = 0  # it ends with the cluster, whoever may live then: nobody waits for it

    def tell(told: dict) -> None:
        with outer.stdin as stdin:
            stdin.write(json.dumps(told | {"parent": leash}).encode() + b"\n")

    return children[0], tell


def join(folder: Path, first: psutil.Process) -> Site:
    """Join the namespaces to the host under the first number that nobody uses."""
    routes = json.loads(_ip("-json", "-4", "route", "show", "table", "all").stdout)
    taken = [ip_network(route["dst"], strict=False) for route in routes if route["dst"] != "default"]
    for number in NUMBERS:
        site = Site(folder=folder, number=number)
        if any(network.version == 4 and network.overlaps(site.network) for network in taken):
            continue
        pair = [
            "link",
            "add",
            site.interface,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            str(first.pid),
        ]
        if _ip(*pair, check=False).returncode == 0:  # else another cluster was faster
            _ip("address", "add", f"{site.host}/30", "dev", site.interface)
            _ip("link", "set", site.interface, "up")
            _ip("route", "add", str(site.network), "via", str(site.node))
            return site
    raise RuntimeError(
        f"cluster: found no free network among 10.{NUMBERS[0]}.0.0/16 to 10.{NUMBERS[-1]}.0.0/16, expected one that "
        "nothing is routed to: end clusters that nobody uses, see `ip link`"
    )


def containerd(first: psutil.Process, *words: str, feed: Callable[[BinaryIO], None] | None = None) -> None:
    """Run containerd's own client where its socket is, feeding it what it reads; raise with what it said."""
    client = ["ctr", "--namespace=k8s.io", *words]
    with subprocess.Popen(
        ["nsenter", f"--target={first.pid}", "--mount", *client],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        if feed is not None:
            with suppress(BrokenPipeError):  # it says itself why it ended
                feed(process.stdin)
        said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(
            f"`{' '.join(client)}` ended with {process.returncode}, expected 0: {said.decode(errors='replace')}"
        )


def _ip(*words: str, check: bool = True) -> subprocess.CompletedProcess:
    return subprocess.run(["ip", *words], check=check, capture_output=True)
