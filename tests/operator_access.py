"""The operator's install objects on a cluster, by Helm, and its own client, as the administrator or as who they bind."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config
from ruamel.yaml import YAML

from assay_operator.api import ApiClient
from cluster.access import Cluster

CHART = Path(__file__).parents[1] / "helm" / "assay"
RELEASE, NAMESPACE = "assay", "assay-system"
SERVICE_ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}-operator"
_RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def configuration_of(kubeconfig, *, server=None):
    """Read a kubeconfig; another `server` is believed to be the API server whatever its certificate says."""
    words = YAML(typ="safe").load(kubeconfig)
    if server is not None:
        for item in words["clusters"]:
            item["cluster"] = {"server": server, "insecure-skip-tls-verify": True}
    found = client.Configuration()
    config.load_kube_config_from_dict(words, client_configuration=found)
    found.retries = False
    return found


def client_of(cluster, *, user=None):
    """Return a client; as another user it may do what that user may."""
    api = ApiClient(configuration_of(cluster.kubeconfig))
    if user is not None:
        api.set_default_header("Impersonate-User", user)
    return api


def install(cluster: Cluster, *, release: str = RELEASE, namespace: str = NAMESPACE, **values: Any) -> None:
    """Install the chart, or upgrade to these values; without replicas it is all but the operator itself.

    Definitions that are there belong to this release from then on, whoever applied them.
    """
    labelled = {"name": namespace, "labels": _RESTRICTED}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": labelled})
    place = (release, CHART, f"--namespace={namespace}", "--take-ownership", "--values=-")
    cluster.helm("upgrade", "--install", *place, "--wait", stdin=json.dumps(values))


def give_credentials(cluster: Cluster, *, namespace: str) -> None:
    """Make the Secret that the chart's values name: the operator's own credentials for the store."""
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "assay-operator-store", "namespace": namespace},
            "stringData": {name: cluster.s3_environment[name] for name in keys},
        }
    )


def uninstall(cluster: Cluster, *, release: str = RELEASE, namespace: str = NAMESPACE) -> None:
    """Uninstall the chart; definitions stay."""
    cluster.helm("uninstall", release, f"--namespace={namespace}", "--ignore-not-found", "--wait")


@contextmanager
def installed(cluster: Cluster) -> Iterator[None]:
    """What the operator is installed with, but the operator itself; nobody is asked any more when it ends."""
    if cluster.helm("list", f"--namespace={NAMESPACE}", "--short", f"--filter=^{RELEASE}$").strip():
        yield
        return
    install(cluster, replicas=0)
    yield
    uninstall(cluster)
