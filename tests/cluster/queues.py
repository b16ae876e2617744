"""Queues of Kueue, with quotas."""


def queue(
    name: str, namespace: str, *, called: str = "", labels: dict[str, str] | None = None, **quota: str
) -> list[dict]:
    """Return a LocalQueue of a namespace, and all that stands behind it, with a quota of each resource on nodes of some labels."""
    api = "kueue.x-k8s.io/v1beta2"
    resources = [{"name": resource, "nominalQuota": amount} for resource, amount in quota.items()]
    group = {"coveredResources": list(quota), "flavors": [{"name": name, "resources": resources}]}
    return [
        {
            "apiVersion": api,
            "kind": "ResourceFlavor",
            "metadata": {"name": name},
            "spec": {"nodeLabels": labels or {}},
        },
        {
            "apiVersion": api,
            "kind": "ClusterQueue",
            "metadata": {"name": name},
            "spec": {"namespaceSelector": {}, "resourceGroups": [group]},
        },
        {
            "apiVersion": api,
            "kind": "LocalQueue",
            "metadata": {"name": called or name, "namespace": namespace},
            "spec": {"clusterQueue": name},
        },
    ]
