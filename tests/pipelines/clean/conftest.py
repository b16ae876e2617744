"""One real Ray for the tests that need it."""

import pytest

from assay_pipelines.clean import blocks


@pytest.fixture(scope="session")
def _ray():
    from assay_pipelines.clean import on_ray  # noqa: PLC0415 -- seconds, which other tests need not spend

    on_ray.connect(cpus=2, memory_gib=0.5)
    yield
    on_ray.ray.shutdown()


@pytest.fixture
def on_ray(_ray, monkeypatch):
    """However small the data is, it goes through Ray Data, with two CPUs."""
    monkeypatch.setattr(blocks, "SMALL_BYTES", -1)
