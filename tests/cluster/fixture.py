"""The cluster as a fixture: the one that `make cluster` holds, or else one for this session of tests."""

import os
import secrets
from collections.abc import Iterator

import pytest

from cluster.access import Cluster
from cluster.outside import down, up


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    running, made = up(parent=os.getpid())
    yield running
    if made:
        down()


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own; all in it goes with it, without waiting for that."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")
