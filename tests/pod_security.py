"""The restricted Pod Security Standard, as Kubernetes 1.34 checks it, for pods as plain data."""

from collections.abc import Iterator, Mapping
from typing import Any

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def violations(pod: Mapping[str, Any]) -> list[str]:
    """Say why a namespace that enforces the standard would not admit a pod with this spec."""
    return [*_of_pod(pod), *(why for one in containers(pod) for why in _of_container(pod, one))]


def containers(pod: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        yield from pod.get(kind, ())


def _of_pod(pod: Mapping[str, Any]) -> Iterator[str]:
    for space in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(space):
            yield f"it has {space}"
    for volume in pod.get("volumes", ()):
        if not (set(volume) - {"name"}) <= VOLUMES:
            yield f"volume {volume['name']} is {sorted(set(volume) - {'name'})}"
    context = pod.get("securityContext", {})
    for word in ("sysctls", "seLinuxOptions", "windowsOptions", "appArmorProfile"):
        if context.get(word):
            yield f"it sets {word}"  # some values are allowed, and ours need none
    if context.get("runAsUser") == 0:
        yield "it runs as root"


def _of_container(pod: Mapping[str, Any], one: Mapping[str, Any]) -> Iterator[str]:
    of_pod, context = pod.get("securityContext", {}), one.get("securityContext", {})
    name = one["name"]
    if context.get("privileged"):
        yield f"{name} is privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{name} may escalate privileges"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield f"{name} keeps capabilities"
    if context.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True:
        yield f"{name} may run as root"
    if context.get("runAsUser") == 0:
        yield f"{name} runs as root"
    seccomp = context.get("seccompProfile", of_pod.get("seccompProfile", {}))
    if seccomp.get("type") not in {"RuntimeDefault", "Localhost"}:
        yield f"{name} has no seccomp profile"
    for word in ("procMount", "seLinuxOptions", "windowsOptions", "appArmorProfile"):
        if context.get(word):
            yield f"{name} sets {word}"
    if any(port.get("hostPort") for port in one.get("ports", ())):
        yield f"{name} has a port of the host"
