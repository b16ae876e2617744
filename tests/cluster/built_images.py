"""The project's own images, built from their recipes by buildah as `make images` does, on a base that is made here."""

import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

from cluster import images, machine
from cluster.outside import import_image
from cluster.site import REPOSITORY

BASE = "localhost/assay-python:bookworm"
# What the recipes' own base has: Python under both its names, and pip.
PACKAGES = [*images.PACKAGES, "python3", "python3-pip", "python-is-python3"]
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# There is no container engine here but buildah, and no registry: the base is local, and steps run in a chroot.
ARGUMENTS = (
    "--layers",
    "--isolation=chroot",
    "--network=host",
    "--pull-never",
    f"--volume={CERTIFICATES}:{CERTIFICATES}:ro",
    f"--build-arg=BASE={BASE}",
)


def built(*names: str) -> dict[str, str]:
    """Build images and give them to the node; return their names with digests."""
    machine.install({"buildah": "buildah"})
    _make_base()
    command = ["make", "images", f"IMAGES={' '.join(names)}", f"ARGS={' '.join(ARGUMENTS)}"]
    done = subprocess.run(command, cwd=REPOSITORY, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return {name: _given_to_the_node(name) for name in names}


def _make_base() -> None:
    if not _buildah("images", "--quiet", BASE, check=False):
        container = _buildah("from", "scratch")
        _buildah("add", "--quiet", container, str(images.debian(PACKAGES)), "/")
        settings = (
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "PIP_BREAK_SYSTEM_PACKAGES=1",
            f"SSL_CERT_FILE={CERTIFICATES}",
        )
        _buildah("config", *(f"--env={setting}" for setting in settings), container)
        _buildah("commit", "--quiet", "--rm", container, BASE)


def _given_to_the_node(name: str) -> str:
    image = f"assay.test/{name}"
    with tempfile.TemporaryDirectory() as folder:
        archive, digest = Path(folder, "image.tar"), Path(folder, "digest")
        made = f"localhost/assay-{name}:{version('assay')}"
        _buildah("push", "--quiet", f"--digestfile={digest}", made, f"oci-archive:{archive}")
        import_image(archive, image)
        return f"{image}@{digest.read_text().strip()}"


def _buildah(*words: str, check: bool = True) -> str:
    done = subprocess.run(["buildah", *words], check=check, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()
