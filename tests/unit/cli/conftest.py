"""The small experiment in a folder of its own, and a store beside it, for commands called in this process."""

import shutil
from pathlib import Path

import pytest

from assay.stores.folder import FolderStore

SMALL = Path(__file__).parents[2] / "e2e" / "small.yaml"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    shutil.copy(SMALL, tmp_path)
    (tmp_path / "chats.jsonl").write_text('{"conversations": [{"from": "human", "value": "Hello there"}]}\n')
    return tmp_path / "small.yaml"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")
