"""How each daemon of the cluster is started: its command, its configuration, what must be up before it."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cluster.site import AUDITED, NODE, PAUSE_IMAGE, USERS, Site, mounted_in_every_container

CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
ETCD = "127.0.0.1:2379"


@dataclass(frozen=True)
class Daemon:
    """A process for the cluster's lifetime."""

    name: str
    command: Sequence[str | Path]
    needs: str = ""  # started once this answers: a socket's path, host:port or an https URL
    environment: Mapping[str, str] = field(default_factory=dict)


def daemons(site: Site, programs: Mapping[str, Path], minio_environment: Mapping[str, str]) -> list[Daemon]:
    """Return them all; `programs` are the binaries by name."""
    api_is_up = f"{site.api}/readyz"
    config = site.folder / "config"
    return [
        Daemon("etcd", [programs["etcd"], *_flags(_etcd(site))]),
        Daemon("containerd", ["containerd", "--config", config / "containerd.toml"]),
        Daemon(
            "minio",
            [programs["minio"], "server", site.folder / "minio", *_flags(_minio(site))],
            environment=minio_environment,
        ),
        Daemon(
            "kube-apiserver",
            [programs["kube-apiserver"], *_flags(_api_server(site))],
            needs=ETCD,
            # Reading the operators' large definitions it would take more than 1.3 GiB and keep it; it needs 600 MiB.
            environment={"GOMEMLIMIT": "900MiB"},
        ),
        Daemon(
            "kube-controller-manager",
            [programs["kube-controller-manager"], *_flags(_controller_manager(site))],
            needs=api_is_up,
        ),
        Daemon(
            "kube-scheduler",
            [programs["kube-scheduler"], *_flags(_kubeconfig(site, "scheduler") | {"leader-elect": False})],
            needs=api_is_up,
        ),
        Daemon("coredns", [programs["coredns"], "-conf", config / "Corefile"], needs=api_is_up),
        Daemon("kubelet", [programs["kubelet"], *_flags(_kubelet(site))], needs=api_is_up),
        Daemon("kube-proxy", [programs["kube-proxy"], *_flags(_proxy(site))], needs=api_is_up),
    ]


def write_configuration(site: Site, tokens: Mapping[str, str]) -> None:
    """Write every file that a daemon reads; `tokens` are the users'."""
    config = site.folder / "config"
    for folder in (config / "cni", site.kubeconfig().parent, site.folder / "log", site.folder / "pki"):
        folder.mkdir(parents=True, exist_ok=True)
    _write_token_files(site, tokens)
    _write(config / "audit.yaml", _AUDIT_POLICY)
    _write(config / "kubelet.yaml", _kubelet_configuration(site))
    _write(config / "cni" / "10-pods.conflist", _pod_network(site))
    _write(config / "containers.json", _every_container(_write_scripts(config / "scripts")))
    (config / "containerd.toml").write_text(_containerd(config))
    (config / "Corefile").write_text(_corefile(site))
    (config / "resolv.conf").write_text(f"nameserver {site.node}\n")
    pki = site.folder / "pki"
    new_key = ["openssl", "genrsa", "-out", pki / "service-accounts.key", "2048"]
    new_certificate = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=front-proxy"]
    keep = ["-days", "365", "-keyout", pki / "front-proxy.key", "-out", pki / "front-proxy.crt"]
    for command in (new_key, new_certificate + keep):
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def _flags(options: Mapping[str, object]) -> list[str]:
    return [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in options.items()
    ]


def _kubeconfig(site: Site, user: str) -> dict[str, object]:
    return {"kubeconfig": site.kubeconfig(user)}


def _etcd(site: Site) -> dict[str, object]:
    return {
        "data-dir": site.folder / "etcd",
        "listen-client-urls": f"http://{ETCD}",
        "advertise-client-urls": f"http://{ETCD}",
        "listen-peer-urls": "http://127.0.0.1:2380",
        "unsafe-no-fsync": True,  # nothing here outlives its processes
    }


def _minio(site: Site) -> dict[str, object]:
    return {
        "address": f"{site.node}:9000",
        "console-address": "127.0.0.1:9001",
        "certs-dir": site.folder / "minio-certificates",
    }


def _api_server(site: Site) -> dict[str, object]:
    return {
        "etcd-servers": f"http://{ETCD}",
        "secure-port": 6443,
        "advertise-address": site.node,
        "cert-dir": site.certificate.parent,
        "token-auth-file": site.folder / "pki" / "tokens.csv",
        "authorization-mode": "Node,RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": site.folder / "pki" / "service-accounts.key",
        "service-account-signing-key-file": site.folder / "pki" / "service-accounts.key",
        "service-cluster-ip-range": site.services,
        # How it shows itself to API servers behind it, as Kueue's: while one of them is silent, no namespace ends.
        "proxy-client-cert-file": site.folder / "pki" / "front-proxy.crt",
        "proxy-client-key-file": site.folder / "pki" / "front-proxy.key",
        "requestheader-client-ca-file": site.folder / "pki" / "front-proxy.crt",
        "requestheader-username-headers": "X-Remote-User",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "allow-privileged": True,
        "kubelet-preferred-address-types": "InternalIP",
        "audit-policy-file": site.folder / "config" / "audit.yaml",
        "audit-log-path": site.audit_log,
        "audit-log-mode": "blocking",  # written with the answer, not in batches later
    }


def _controller_manager(site: Site) -> dict[str, object]:
    return _kubeconfig(site, "controller-manager") | {
        "root-ca-file": site.certificate,
        "service-account-private-key-file": site.folder / "pki" / "service-accounts.key",
        "use-service-account-credentials": True,
        "leader-elect": False,
    }


def _kubelet(site: Site) -> dict[str, object]:
    return _kubeconfig(site, "kubelet") | {
        "config": site.folder / "config" / "kubelet.yaml",
        "hostname-override": NODE,
        "node-ip": site.node,
        "node-labels": "nvidia.com/gpu.product=NVIDIA-A100-SXM4-80GB",
    }


def _proxy(site: Site) -> dict[str, object]:
    return _kubeconfig(site, "proxy") | {
        "proxy-mode": "nftables",
        "hostname-override": NODE,
        "cluster-cidr": site.pods,
        "conntrack-max-per-core": 0,  # these three belong to the host's own network namespace
        "conntrack-tcp-timeout-established": "0s",
        "conntrack-tcp-timeout-close-wait": "0s",
    }


_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "nonResourceURLs": ["*"]},
        {"level": "Metadata", "userGroups": [f"system:serviceaccounts:{AUDITED}"]},
        {"level": "None", "verbs": ["get", "list", "watch"]},
        {"level": "None", "resources": [{"group": "coordination.k8s.io"}, {"group": "events.k8s.io"}]},
        {"level": "None", "resources": [{"group": "", "resources": ["events"]}]},
        {"level": "Metadata"},
    ],
}


def _kubelet_configuration(site: Site) -> dict:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        # The API server has no client certificate to show; only it and the host's root reach this port.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{site.cgroup}",
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "maxOpenFiles": 20_000,
        "makeIPTablesUtilChains": False,
        "clusterDNS": [str(site.node)],
        "clusterDomain": "cluster.local",
        "resolvConf": str(site.folder / "config" / "resolv.conf"),
        "imageGCHighThresholdPercent": 100,  # no image could be pulled again
        "evictionHard": {"memory.available": "1Mi"},
        "serializeImagePulls": False,
        # How soon a Secret that changed is seen in a volume: operators write their own certificates, and wait for them.
        "syncFrequency": "3s",
    }


def _pod_network(site: Site) -> dict:
    """Join each pod to the node by a pair of its own: all traffic is routed, so that services work from any pod to any."""
    subnet = {"type": "host-local", "subnet": str(site.pods), "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [{"type": "ptp", "ipMasq": False, "ipam": subnet}],
    }


SCRIPTS = {"ray": "ray.scripts.scripts", "torchrun": "torch.distributed.run"}


def _every_container(scripts: Path) -> dict:
    """Return containerd's own base specification, and mounts in it.

    They are the node's affair, as a Profile has no volumes of the host, and rightly so.
    """
    printed = subprocess.run(["ctr", "oci", "spec"], check=True, capture_output=True)
    spec = json.loads(printed.stdout)
    spec["mounts"] += [
        {
            "destination": str(seen),
            "source": str(path),
            "type": "bind",
            "options": ["rbind", "ro", "nosuid", "nodev"],
        }
        for path, seen in mounted_in_every_container(scripts).items()
    ]
    return spec


def _write_scripts(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name, module in SCRIPTS.items():
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec python -m {module} "$@"\n')
        script.chmod(0o755)
    return folder


def _containerd(config: Path) -> str:
    return f"""\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
restrict_oom_score_adj = true
tolerate_missing_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{config / "cni"}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
base_runtime_spec = "{config / "containers.json"}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
"""


def _corefile(site: Site) -> str:
    # Two servers: in one, `template` would answer before `kubernetes` is asked.
    return f"""\
cluster.local:53 {{
    bind {site.node}
    errors
    kubernetes {{
        kubeconfig {site.kubeconfig("dns")}
        ttl 1
    }}
}}
.:53 {{
    bind {site.node}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def _write_token_files(site: Site, tokens: Mapping[str, str]) -> None:
    rows = []
    for user in USERS:
        rows.append(f'{tokens[user]},cluster:{user},cluster:{user},"system:masters"\n')
        context = {"cluster": "cluster", "user": user}
        authority = {"server": site.api, "certificate-authority": str(site.certificate)}
        _write(
            site.kubeconfig(user),
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "cluster", "cluster": authority}],
                "users": [{"name": user, "user": {"token": tokens[user]}}],
                "contexts": [{"name": "cluster", "context": context}],
                "current-context": "cluster",
            },
        )
    (site.folder / "pki" / "tokens.csv").write_text("".join(rows))


def _write(path: Path, document: Mapping) -> None:
    path.write_text(json.dumps(document, indent=1))  # JSON is YAML too
