"""What containers run, made here and handed to containerd: no registry is asked for anything.

The base is Debian's minimal system. A program of the cluster's is that program alone, under the name by which its
upstream manifest asks for it. The image of assay's own programs is the base with the search path of the Python
environment, which the node mounts into every container (`site.mounted_in_every_container`).
"""

import fcntl
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from cluster.site import BASE_IMAGE, CODE, IN_PODS, PAUSE_IMAGE, PROGRAMS_IMAGE

SUITE = "bookworm"
# What Python and the compiled packages of its environment load, and what KubeRay's probes call.
PACKAGES = [
    "ca-certificates",
    "libbz2-1.0",
    "libexpat1",
    "libffi8",
    "libgomp1",
    "liblzma5",
    "libncursesw6",
    "libreadline8",
    "libseccomp2",
    "libsqlite3-0",
    "libssl3",
    "libstdc++6",
    "libuuid1",
    "wget",
    "zlib1g",
]
USER = 1000
# The Training Operator's init container asks `nslookup` for a name relative to the search path.
FILES = {
    "usr/local/bin/nslookup": '#!/bin/sh\nexec getent hosts "$1"\n',
    "etc/passwd": f"root:x:0:0:root:/root:/bin/sh\nassay:x:{USER}:{USER}::/tmp:/bin/sh\n",
    "etc/group": f"root:x:0:\nassay:x:{USER}:\n",
}
WITHOUT = ("var/cache/apt", "var/lib/apt", "usr/share/doc", "usr/share/locale", "usr/share/man", "dev")
TAR = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Blob:
    """Content under its digest, in memory or in a file."""

    kind: str
    content: bytes | Path

    @cached_property
    def digest(self) -> str:
        if isinstance(self.content, bytes):
            return f"sha256:{hashlib.sha256(self.content).hexdigest()}"
        with self.content.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.stat().st_size

    @property
    def descriptor(self) -> dict[str, object]:
        return {"mediaType": self.kind, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Image:
    """A name, a layer, and how its process starts."""

    name: str
    layer: Blob
    process: dict[str, object]

    @cached_property
    def config(self) -> Blob:
        root = {"type": "layers", "diff_ids": [self.layer.digest]}
        return _json(
            CONFIG, {"architecture": _architecture(), "os": "linux", "config": self.process, "rootfs": root}
        )

    @cached_property
    def manifest(self) -> Blob:
        parts = {"config": self.config.descriptor, "layers": [self.layer.descriptor]}
        return _json(MANIFEST, {"schemaVersion": 2, "mediaType": MANIFEST, **parts})

    @property
    def pinned(self) -> str:
        """Return the name with the digest, as a Profile demands it."""
        return f"{self.name.rpartition(':')[0]}@{self.manifest.digest}"


def base_images() -> list[Image]:
    """Return the images of the node itself, and the one for assay's programs, which is the last."""
    layer = Blob(TAR, debian())
    path = f"{IN_PODS / 'bin'}:{IN_PODS / 'environment' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    code = ":".join(str(IN_PODS / part) for part in CODE)
    environment = [
        f"PATH={path}",
        f"PYTHONPATH={code}",
        "HOME=/tmp",
        "USER=assay",
        "LOGNAME=assay",
        "LANG=C.UTF-8",
    ]
    return [
        Image(PAUSE_IMAGE, layer, {"Entrypoint": ["sleep", "infinity"], "Env": ["PATH=/usr/bin:/bin"]}),
        Image(BASE_IMAGE, layer, {"Cmd": ["sh"], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}),
        Image(f"{PROGRAMS_IMAGE}:dev", layer, {"User": f"{USER}:{USER}", "Env": environment}),
    ]


def manager_image(name: str, binary: Path) -> Image:
    """Return an operator's image: its program as `/manager`, which is what they start."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar, binary.open("rb") as file:
        member = tarfile.TarInfo("manager")
        member.mode, member.size = 0o755, binary.stat().st_size
        tar.addfile(member, file)
    return Image(name, Blob(TAR, layer.getvalue()), {"Entrypoint": ["/manager"], "User": "65532:65532"})


def write_archive(images: Sequence[Image], sink: BinaryIO) -> None:
    """Write an OCI archive of them all, each blob once and each image under its name and its digest."""
    named = [(name, image) for image in images for name in (image.name, image.pinned)]
    index = {
        "schemaVersion": 2,
        "manifests": [
            image.manifest.descriptor | {"annotations": {"io.containerd.image.name": name}}
            for name, image in named
        ],
    }
    blobs = {blob.digest: blob for image in images for blob in (image.layer, image.config, image.manifest)}
    with tarfile.open(fileobj=sink, mode="w|") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        for digest, blob in blobs.items():
            _add(tar, f"blobs/{digest.replace(':', '/')}", blob.content)
        _add(tar, "index.json", json.dumps(index).encode())


def debian(packages: Sequence[str] = PACKAGES) -> Path:
    """Return the archive of the base system with these packages, made once per machine and recipe."""
    recipe = json.dumps([SUITE, list(packages), FILES, WITHOUT]).encode()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "assay", "images")
    archive = cache / f"base-{hashlib.sha256(recipe).hexdigest()[:16]}.tar"
    cache.mkdir(parents=True, exist_ok=True)
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            started = time.monotonic()
            print("cluster: making the base image, once per machine: a minute …", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                _bootstrap(Path(folder, "root"), packages, archive.with_suffix(".part"))
            archive.with_suffix(".part").replace(archive)
            print(f"cluster: made it in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return archive


def _bootstrap(root: Path, packages: Sequence[str], archive: Path) -> None:
    # What it mounts and starts meanwhile ends with the namespaces.
    private = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(packages)}", SUITE, root]
    done = subprocess.run([*private, *command], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        tail = done.stdout.decode(errors="replace")[-2000:]
        sys.exit(
            f"cluster: debootstrap ended with {done.returncode}, expected a Debian {SUITE} from its usual mirror; "
            f"its last words:\n{tail}\nCheck that the mirror is in reach, then run it again."
        )
    for name, text in FILES.items():
        (root / name).write_text(text)
        (root / name).chmod(0o755 if "bin" in Path(name).parts else 0o644)
    with tarfile.open(archive, "w") as tar:
        tar.add(root, arcname=".", filter=_wanted)


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    name = member.name.removeprefix("./")
    if name.startswith(WITHOUT):
        return None
    if name == "root":
        member.mode = 0o755  # the interpreter may lie below it, and whoever runs is to reach it
    return member


def _add(tar: tarfile.TarFile, name: str, content: bytes | Path) -> None:
    member = tarfile.TarInfo(name)
    if isinstance(content, bytes):
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    else:
        member.size = content.stat().st_size
        with content.open("rb") as file:
            tar.addfile(member, file)


def _json(kind: str, document: object) -> Blob:
    return Blob(kind, json.dumps(document, sort_keys=True).encode())


def _architecture() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
