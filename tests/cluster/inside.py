"""The first process in the cluster's namespaces: it starts every daemon, and ends them all together.

`python -m cluster.inside` with one JSON object on standard input: the folder and the number of the site, the programs,
the tokens, MinIO's environment, and the descriptor of the process for whose sake the cluster lives. It ends when that
process does, on SIGTERM, or when a daemon ends by itself; one that a test kills is started again. Its own end takes every container along, as Linux ends a process
namespace with its first process. Only the standard library is imported: this process lasts as long as the cluster.
"""

import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from cluster import cgroups
from cluster.daemons import Daemon, daemons, write_configuration
from cluster.site import Site

CONTAINERD_MOUNTS = ("run", "var/lib", "var/log")  # what daemons fill in places that no option can move
# The kubelet wants these for the whole machine. It finds them as it wants them, and so leaves the machine's alone.
SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def main() -> None:
    told = json.loads(sys.stdin.readline())
    site = Site(folder=Path(told["folder"]), number=told["number"])
    _mount(site)
    _join_network(site)
    write_configuration(site, told["tokens"])
    cgroups.make(site.cgroup)
    programs = {name: Path(path) for name, path in told["programs"].items()}
    reason = "?"
    try:
        reason = _hold(daemons(site, programs, told["minio"]), site, parent=told["parent"])
    finally:
        print(reason, flush=True)
        _end_everything()
        cgroups.remove(site.cgroup)


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)


def _mount(site: Site) -> None:
    """Give daemons a place of their own wherever they would write to the machine's."""
    _run("mount", "--make-rshared", "/")  # shared among containers in here; the host shares nothing with it
    for place in CONTAINERD_MOUNTS:
        own = site.folder / "machine" / place
        own.mkdir(parents=True)
        _run("mount", "--bind", own, Path("/", place))
    for name, value in SETTINGS.items():
        stand_in = site.folder / "machine" / "settings" / name
        stand_in.parent.mkdir(parents=True, exist_ok=True)
        stand_in.write_text(f"{value}\n")
        _run("mount", "--bind", stand_in, Path("/proc/sys", name))


def _join_network(site: Site) -> None:
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", f"{site.node}/30", "dev", "eth0")
    _run("ip", "link", "set", "eth0", "up")
    _run("ip", "route", "add", "default", "via", site.host)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _hold(pending: list[Daemon], site: Site, *, parent: int | None) -> str:
    """Start each daemon once what it needs answers; return why the cluster is to end."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    ended: list[str] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append("it was told to end"))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, Daemon] = {}
    poll = select.poll()
    poll.register(wake, select.POLLIN)
    if parent is not None:
        poll.register(parent, select.POLLIN)
    while not ended:
        for daemon in [daemon for daemon in pending if _answers(daemon.needs)]:
            running[_start(daemon, site)] = daemon
            pending.remove(daemon)
        for descriptor, _ in poll.poll(100 if pending else None):
            if descriptor == wake:
                os.read(wake, 4096)
            else:
                ended.append("the process that it was made for is gone")
        for daemon, status in _reap(running):
            if status == -signal.SIGKILL:
                pending.append(daemon)
            else:
                ended.append(f"{daemon.name} ended with {status}")
    return ended[0]


def _start(daemon: Daemon, site: Site) -> int:
    # Nobody in here has a proxy to ask for anything.
    ours = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    with site.log(daemon.name).open("ab") as log:
        process = subprocess.Popen(
            [str(word) for word in daemon.command],
            env=ours | daemon.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    process.returncode = 0  # `_reap` waits for it, not this object
    return process.pid


def _answers(address: str) -> bool:
    if not address:
        return True
    try:
        if address.startswith("https:"):
            anyone = ssl._create_unverified_context()  # noqa: S323 - whether it is up, not who it is
            server = HTTPSConnection(urlsplit(address).netloc, timeout=2, context=anyone)
            with closing(server):
                server.request("GET", urlsplit(address).path)
                return server.getresponse().status == HTTPStatus.OK
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), timeout=1).close()
    except (OSError, HTTPException):
        return False
    return True


def _reap(running: dict[int, Daemon]) -> list[tuple[Daemon, int]]:
    """Take leave of every process that ended; return the daemons among them, and how they ended."""
    ended: list[tuple[Daemon, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        if pid in running:
            ended.append((running.pop(pid), os.waitstatus_to_exitcode(status)))


def _end_everything() -> None:
    os.kill(-1, signal.SIGKILL)  # in this namespace: not this process, and nobody outside
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


if __name__ == "__main__":
    main()
