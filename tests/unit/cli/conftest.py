"""The small experiment in a folder of its own, and a store beside it, for commands called in this process."""

import shutil
from pathlib import Path

import pytest

from assay.artifacts.kinds import Kind
from assay.plan.plan import PlannedStage
from assay.settings.local import compile_file
from assay.stores.folder import FolderStore
from bench import Bench

SMALL = Path(__file__).parents[2] / "e2e" / "small.yaml"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    shutil.copy(SMALL, tmp_path)
    (tmp_path / "chats.jsonl").write_text('{"conversations": [{"from": "human", "value": "Hello there"}]}\n')
    return tmp_path / "small.yaml"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def bench(store: FolderStore, tmp_path: Path) -> Bench:
    return Bench(store=store, folder=tmp_path)


@pytest.fixture
def cleaned(spec: Path) -> PlannedStage:
    """The plan's clean stage."""
    return next(stage for stage in compile_file(spec)[1].stages if stage.kind is Kind.CLEAN)
