"""What the recipes of the operator and of cleaning make runs in a cluster: nothing of the node's is needed.

It stands beside no other operator: these tests come before the files that start one.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.access import Cluster
from cluster.built_images import built
from cluster.running_operator import Team, a_team, cleaning
from cluster.site import AUDITED
from operator_access import give_credentials, install, uninstall

RELEASE = "images"
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def images(cluster: Cluster) -> dict[str, str]:
    return built("operator", "clean")


@pytest.fixture
def team(cluster: Cluster, namespace: str, images: dict[str, str]) -> Iterator[Team]:
    """A namespace that the operator's image looks after, and cleans with the other."""
    repository, _, digest = images["operator"].partition("@")
    values: dict[str, Any] = {
        "image": {"repository": repository, "digest": digest, "pullPolicy": "Never"},
        "replicas": 1,
        "watch": {"namespaces": [namespace]},
    }
    install(cluster, release=RELEASE, namespace=AUDITED, **values | {"replicas": 0})
    made = a_team(cluster, namespace)
    made.profile(images={"clean": images["clean"], "train": cluster.image, "evaluate": cluster.image})
    made.upload("questions.jsonl", b'{"text": "One line."}\n{"text": "One line."}\n')
    give_credentials(cluster, namespace=AUDITED)
    install(cluster, release=RELEASE, namespace=AUDITED, **values)
    yield made
    print(cluster.kubectl("logs", f"--namespace={AUDITED}", f"deployment/{RELEASE}-operator", "--tail=100"))
    uninstall(cluster, release=RELEASE, namespace=AUDITED)
    cluster.kubectl("delete", "namespace", AUDITED)


def test_the_operators_image_has_the_cleaning_image_clean(team: Team, images: dict[str, str]) -> None:
    team.apply("cleans", cleaning("one"))

    assert team.finished("cleans")["phase"] == "Succeeded"
    [record] = team.records().values()
    assert record.provenance.origin is not None
    assert record.provenance.origin.image == images["clean"]
    assert record.outputs.summary["rows"] == 1
