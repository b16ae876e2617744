"""What kubectl says, told in three parts; its words are those of v1.34 and v1.36."""

import pytest

from assay.adapters.kubectl import Kubectl, refusal
from assay.errors import ClusterError

GET = ("get", "experiments.assay.dev", "study", "--output=json")


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ('Error from server (NotFound): experiments.assay.dev "study" not found', 404, ("not found", "name")),
        (
            'Error from server (Forbidden): experiments.assay.dev "study" is forbidden: User "x" cannot get resource',
            403,
            ("cannot get resource", "Ask the cluster's owner"),
        ),
        ("error: You must be logged in to the server (Unauthorized)", 401, ("Log in",)),
        ("Error from server: etcdserver: request timed out", 500, ("etcdserver: request timed out", "again")),
        (
            'error: the server doesn\'t have a resource type "experiments"',
            0,
            ("custom resource definitions", "Install assay"),
        ),
        (
            "E0101 memcache.go:265] couldn't get the list\nThe connection to the server localhost:8080 was refused\n",
            0,
            ("localhost:8080 was refused", "kubectl version"),
        ),
        ("", 0, ("gave up",)),
    ],
)
def test_a_refusal_is_told_with_its_status_and_what_to_do(said, status, words):
    error = refusal(GET, said)

    assert error.status == status
    assert error.where == "kubectl get experiments.assay.dev study"
    for word in words:
        assert word in str(error)


def test_kubectl_that_is_not_there_is_told_with_where_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ClusterError, match="expected it on the PATH"):
        Kubectl().get("experiments.assay.dev")


def test_the_namespace_that_a_flag_names_is_spoken_of_without_asking(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert Kubectl(("--context=c", "--namespace=team")).namespace() == "team"
