"""What the cluster needs of the machine it runs on, and the installing of what is missing."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# A program, and the Debian package that brings it.
NEEDED = {
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "mount": "mount",
    "nft": "nftables",
    "nsenter": "util-linux",
    "openssl": "openssl",
    "runc": "runc",
}


def prepare() -> None:
    """Refuse a machine that cannot hold the cluster; install what the cluster lacks."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        sys.exit(
            f"cluster: found {platform.system()} and user {os.geteuid()}, expected Linux and root (user 0), as it "
            "makes network namespaces and control groups: run it as root, on a machine for tests"
        )
    install(NEEDED)


def install(needed: Mapping[str, str]) -> None:
    """Install the Debian packages of programs that are not there."""
    missing = sorted({package for program, package in needed.items() if not _found(program)})
    if not missing:
        return
    print(f"cluster: installing {', '.join(missing)}", file=sys.stderr, flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        done = subprocess.run(
            ["apt-get", "--quiet", *command],
            env=quiet,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    still = sorted({package for program, package in needed.items() if not _found(program)})
    if still:
        tail = done.stdout.decode(errors="replace")[-2000:]
        sys.exit(
            f"cluster: apt-get did not bring {', '.join(still)}, expected Debian 12 or newer with a package "
            f"mirror in reach; its last words:\n{tail}\nInstall those packages, then run it again."
        )


def _found(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None
