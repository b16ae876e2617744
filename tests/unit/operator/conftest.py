"""An operator in memory, for tests of what it writes."""

import pytest

from assay.settings import cluster
from fakes.memory_store import MemoryStore
from memory_team import Team


@pytest.fixture
def team(monkeypatch):
    store, data = MemoryStore(), MemoryStore()
    data.put("chats.jsonl", b"{}\n" * 1000)
    monkeypatch.setattr(cluster, "open_source", lambda *_: data)
    monkeypatch.setattr(cluster, "open_store", lambda *_, **__: store)
    return Team(store)
