"""One real Ray for the tests that need it."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def running_ray():
    """Ray with two CPUs, shared by all tests of a session."""
    import ray  # noqa: PLC0415 -- seconds, which the other tests need not spend

    from assay_pipelines.clean.ray_session import connect  # noqa: PLC0415

    os.environ.pop("RAY_ADDRESS", None)
    connect(cpus=2, memory_gib=0.5)
    yield ray
    ray.shutdown()
