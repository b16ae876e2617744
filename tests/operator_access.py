"""The operator's own client, as the administrator or as the service account that the install objects bind."""

from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from kubernetes import client, config
from ruamel.yaml import YAML

from assay_operator.api import ApiClient

MANIFEST = Path(__file__).parents[1] / "manifests" / "operator.yaml"
SERVICE_ACCOUNT = "system:serviceaccount:assay-system:assay-operator"


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


@contextmanager
def installed(cluster):
    """What the operator is installed with, but the operator itself; nobody is asked any more when it ends."""
    yaml = YAML(typ="safe", pure=True)
    documents = [item for item in yaml.load_all(MANIFEST) if item["kind"] != "Deployment"]
    text = StringIO()
    yaml.dump_all(documents, text)
    registration = ("validatingwebhookconfiguration", "assay-operator", "--ignore-not-found")
    was_there = cluster.kubectl("get", *registration)
    cluster.apply_text(text.getvalue())
    yield
    if not was_there:
        cluster.kubectl("delete", *registration)
