"""What experiments of an operator share, and what is kept of one that was planned."""

import gc
import weakref

import pytest

from assay.adapters.cluster_api import ClusterApi
from assay.adapters.probes import Probes
from assay.adapters.watched import Watched
from assay.settings import cluster
from assay.settings.cluster import Surroundings, open_planned
from builders import a_pipeline, an_experiment
from fakes.memory_cluster import MemoryCluster
from fakes.memory_store import MemoryStore
from orders import a_cpu_profile


@pytest.fixture
def opened(monkeypatch):
    """Stores in memory in the place of S3; the folders of inputs that were opened, by their URIs."""
    folders = []

    def open_source(uri, _environment):
        folder = MemoryStore()
        folder.put("chats.jsonl", b"{}\n")
        folders.append((uri, weakref.ref(folder)))
        return folder

    monkeypatch.setattr(cluster, "open_source", open_source)
    monkeypatch.setattr(cluster, "open_store", lambda *_, **__: MemoryStore())
    return folders


def test_stores_of_profiles_are_kept_and_folders_of_inputs_only_while_it_is_planned(opened):
    api = ClusterApi(MemoryCluster())
    around = Surroundings(cluster="c", api=api, watched=Watched(), probes=Probes(api))
    profile = a_cpu_profile(data="s3://assay/data")
    experiment = an_experiment(pipeline=a_pipeline())

    first, second = (open_planned(experiment, profile, around) for _ in range(2))
    gc.collect()
    assert first.store is second.store
    assert list(around.stores.values()) == [first.store]
    assert [(uri, folder()) for uri, folder in opened] == [("s3://assay/data", None)]
