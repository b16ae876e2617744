"""Where a cluster's parts lie: its addresses, its files, its names on the host. It reads and starts nothing."""

import hashlib
import sys
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHON_ENVIRONMENT = Path(sys.prefix)
NODE = "node"
PROGRAMS_IMAGE = "assay.test/programs"
BASE_IMAGE = "assay.test/base:dev"
PAUSE_IMAGE = "assay.test/pause:dev"
# Who asks the API server for what: each has a token of its own, so that the audit log tells them apart.
USERS = ("admin", "kubelet", "controller-manager", "scheduler", "proxy", "dns")

AUDITED = "assay-teams"  # a namespace of whose service accounts the log has every request, reads too


@dataclass(frozen=True, kw_only=True)
class Site:
    """A cluster's folder, and its number, which decides every name and address outside that folder."""

    folder: Path
    number: int

    @property
    def network(self) -> IPv4Network:
        return IPv4Network(f"10.{self.number}.0.0/16")

    @property
    def pods(self) -> IPv4Network:
        return IPv4Network(f"10.{self.number}.0.0/20")

    @property
    def services(self) -> IPv4Network:
        return IPv4Network(f"10.{self.number}.128.0/20")

    @property
    def host(self) -> IPv4Address:
        """The address at which the cluster reaches what listens on the host."""
        return IPv4Address(f"10.{self.number}.255.1")

    @property
    def node(self) -> IPv4Address:
        """The address of the API server, the node, its DNS and MinIO."""
        return IPv4Address(f"10.{self.number}.255.2")

    @property
    def interface(self) -> str:
        """The host's end of the pair; the other end is `eth0` in the namespace."""
        return f"assay{self.number}"

    @property
    def cgroup(self) -> str:
        """Its control groups' name: the folder's alone, so that what is left of a cluster is never taken for another's."""
        return f"assay-cluster-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]}"

    @property
    def api(self) -> str:
        return f"https://{self.node}:6443"

    @property
    def minio(self) -> str:
        return f"http://{self.node}:9000"

    @property
    def certificate(self) -> Path:
        return self.folder / "pki" / "apiserver.crt"

    @property
    def audit_log(self) -> Path:
        return self.folder / "log" / "audit.jsonl"

    def log(self, name: str) -> Path:
        return self.folder / "log" / f"{name}.log"

    def kubeconfig(self, user: str = "admin") -> Path:
        return self.folder / "kubeconfig" / user


IN_PODS = Path("/opt/assay")  # a place that no pod's own volumes hide, wherever the checkout is
CODE = ("src", "operators", "pipelines", "tests")


def mounted_in_every_container(scripts: Path) -> dict[Path, Path]:
    """Return the host's files that every container of the node sees, read-only: where they are, and where it sees them.

    They stand for the layers of the real images: an environment with torch is gigabytes, and pods on a node of
    one's own can as well share the one at hand. `scripts` start its programs, whose own name the host's path.
    """
    interpreter = Path(sys.base_prefix)
    if interpreter == Path("/usr"):  # the system's own Python: not all of /usr, which the image has itself
        minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
        interpreters = [Path("/usr/lib", minor), Path("/usr/bin", minor)]
    else:
        interpreters = [interpreter]
    as_on_the_host = [*interpreters, Path("/etc/ssl/certs/ca-certificates.crt")]
    moved = {PYTHON_ENVIRONMENT: IN_PODS / "environment", scripts: IN_PODS / "bin"}
    return (
        {path: path for path in as_on_the_host} | moved | {REPOSITORY / part: IN_PODS / part for part in CODE}
    )
