"""Small workloads of each kind that assay uses, as its Profiles would have them: unprivileged, asking for little."""

from collections.abc import Mapping
from importlib.metadata import version

from cluster.access import Cluster

IDLE = {"cpu": "50m", "memory": "64Mi"}
UNPRIVILEGED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def pod(image: str, *command: str, name: str = "main", **fields: object) -> dict:
    """Return a pod's specification: one container, which may write to /tmp alone; `fields` are the container's."""
    container = {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": IDLE},
        "securityContext": UNPRIVILEGED,
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/tmp"},  # noqa: S108 - a volume of its own
            {"name": "shared-memory", "mountPath": "/dev/shm"},  # noqa: S108 - same
        ],
    }
    if command:
        container["command"] = list(command)
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,  # nothing here has anything to save
        "automountServiceAccountToken": False,
        # The user by number, too: the Training Operator adds a container whose image is root's.
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container | fields],
        "volumes": [
            {"name": "scratch", "emptyDir": {}},
            {"name": "shared-memory", "emptyDir": {"medium": "Memory"}},
        ],
    }


def job(name: str, namespace: str, template: Mapping, **spec: object) -> dict:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"backoffLimit": 0, "template": {"spec": template}, **spec},
    }


def pytorch_job(name: str, namespace: str, template: Mapping) -> dict:
    """Return a PyTorchJob of a master and a worker, which share the template's `pytorch` container."""
    replica = {"replicas": 1, "restartPolicy": "Never", "template": {"spec": template}}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "nprocPerNode": "1",
            "runPolicy": {"backoffLimit": 0},
            "pytorchReplicaSpecs": {"Master": replica, "Worker": replica},
        },
    }


def ray_job(name: str, namespace: str, cluster: Cluster, entrypoint: str) -> dict:
    """Return a RayJob whose head computes nothing, and whose one worker comes and goes with the work."""
    group = {
        "groupName": "workers",
        "replicas": 0,
        "minReplicas": 0,
        "maxReplicas": 1,
        "rayStartParams": {"num-cpus": "1"},
        "template": {"spec": pod(cluster.image, name="ray-worker")},
    }
    # The head's token is the autoscaler's, which asks the API server for workers.
    head = pod(cluster.image, name="ray-head") | {"automountServiceAccountToken": True}
    submitter = pod(cluster.image, name="ray-job-submitter")
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "entrypoint": entrypoint,
            "backoffLimit": 0,
            "submitterPodTemplate": {"spec": submitter},
            "rayClusterSpec": {
                "rayVersion": version("ray"),
                "enableInTreeAutoscaling": True,
                "autoscalerOptions": {
                    "version": "v2",
                    "idleTimeoutSeconds": 5,
                    "resources": {"requests": IDLE},
                    "securityContext": UNPRIVILEGED,
                },
                "headGroupSpec": {
                    "rayStartParams": {"num-cpus": "0"},
                    "template": {"spec": head},
                },
                "workerGroupSpecs": [group],
            },
        },
    }


def queue(name: str, namespace: str, **quota: str) -> list[dict]:
    """Return a LocalQueue of a namespace, and all that stands behind it, with a quota of each resource."""
    api = "kueue.x-k8s.io/v1beta2"
    resources = [{"name": resource, "nominalQuota": amount} for resource, amount in quota.items()]
    group = {"coveredResources": list(quota), "flavors": [{"name": name, "resources": resources}]}
    return [
        {"apiVersion": api, "kind": "ResourceFlavor", "metadata": {"name": name}},
        {
            "apiVersion": api,
            "kind": "ClusterQueue",
            "metadata": {"name": name},
            "spec": {"namespaceSelector": {}, "resourceGroups": [group]},
        },
        {
            "apiVersion": api,
            "kind": "LocalQueue",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterQueue": name},
        },
    ]


def queued(workload: dict, name: str) -> dict:
    """Return the workload as one of a queue's."""
    metadata = workload["metadata"] | {"labels": {"kueue.x-k8s.io/queue-name": name}}
    return workload | {"metadata": metadata}
