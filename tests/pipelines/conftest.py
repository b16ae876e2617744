"""A bench for each test."""

import pytest

from assay.stores.folder import FolderStore
from assay_pipelines.offline import stay_offline
from bench import Bench

stay_offline()


@pytest.fixture
def bench(tmp_path) -> Bench:
    folder = tmp_path / "files"
    folder.mkdir()
    return Bench(store=FolderStore(tmp_path / "store"), folder=folder)
