"""The API server in memory answers as a real one does; `tests/cluster/test_api_contract.py` holds that one to the same."""

import pytest

from api_contract import ApiContract
from assay.adapters.cluster_api import ClusterApi
from fakes.memory_cluster import MemoryCluster


@pytest.fixture
def api():
    return ClusterApi(MemoryCluster())


class TestInMemory(ApiContract):
    pass
