"""A real API server answers as the one in memory does, which stands for it in properties."""

from collections.abc import Iterator

import pytest

from api_contract import ApiContract
from assay.adapters.cluster_api import ClusterApi
from assay_operator.api import ApiClient
from bare_cluster import bare_cluster

# The API server's certificate is its own.
pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterApi]:
    with bare_cluster(tmp_path_factory.mktemp("bare")) as reached:
        yield ClusterApi(ApiClient(reached))


class TestReal(ApiContract):
    pass
