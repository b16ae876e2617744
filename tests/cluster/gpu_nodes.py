"""Nodes with A100s that nobody has: kwok says that they are ready, and that what is bound to them runs. Nothing runs there."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.access import Cluster
from cluster.programs import program, sources

GPUS = 8  # of each node
RACK = "assay.test/rack"
POOL = {"assay.test/pool": "a100", "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}
TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
_FAKE = "kwok.x-k8s.io/node"
# What kwok tells of nodes and pods; pods never complete.
_STAGES = (
    "node/fast/node-initialize",
    "node/heartbeat-with-lease/node-heartbeat-with-lease",
    "pod/fast/pod-ready",
    "pod/fast/pod-delete",
)


@contextmanager
def racks(cluster: Cluster, *names: str) -> Iterator[None]:
    """Hold racks of two nodes each while the caller does."""
    cluster.apply(*(_node(f"{rack}-{number}", rack) for rack in names for number in (1, 2)))
    stages = sources("kwok") / "kustomize" / "stage"
    with (cluster.logs / "kwok.log").open("ab") as log:
        kwok = subprocess.Popen(
            [
                program("kwok"),
                f"--kubeconfig={cluster.kubeconfig}",
                f"--manage-nodes-with-annotation-selector={_FAKE}=fake",
                "--node-lease-duration-seconds=40",
                *(f"--config={stages / name}.yaml" for name in _STAGES),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        for rack in names:
            cluster.wait("condition=Ready", "node", f"--selector={RACK}={rack}")
        yield
    finally:
        kwok.terminate()
        kwok.wait()
        cluster.kubectl("delete", "node", f"--selector={RACK}", "--wait=false")


def _node(name: str, rack: str) -> dict[str, object]:
    room = {"cpu": "128", "memory": "2000Gi", "pods": "110", "nvidia.com/gpu": str(GPUS)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {**POOL, RACK: rack, "kubernetes.io/hostname": name},
            "annotations": {_FAKE: "fake", "node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {"taints": [TAINT]},
        "status": {"capacity": room, "allocatable": room, "phase": "Running"},
    }
