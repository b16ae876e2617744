"""Work on a bench, for what measures without a program around it."""

from collections.abc import Callable

import pytest

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.stores.claims import read_claim, read_stage
from assay_pipelines.evaluate.work import Work
from assay_pipelines.stage import StageRun


@pytest.fixture
def working(bench, tmp_path) -> Callable[..., Work]:
    """Begin an attempt at an evaluation; what it finishes is kept at once."""

    def work(*, attempt: int = 1, **execution) -> Work:
        ref, _ = bench.claimed(Kind.EVALUATE, {"of": "work"}, attempt=attempt, **execution)
        run = StageRun(
            store=bench.store,
            stage=read_stage(bench.store, ArtifactRef(ref)),
            attempt=read_claim(bench.store, ArtifactRef(ref), attempt),
            scratch=tmp_path,
        )
        return Work(run, kept_every=0)

    return work
