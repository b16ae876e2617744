"""What the local backend sees of the attempts that it launched."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from assay.adapters.local import LocalBackend
from assay.artifacts.documents import Attempt
from assay.artifacts.kinds import Kind
from assay.reconcile.facts import Phase
from builders import a_plan


def test_an_attempt_waits_until_its_program_is_imported_and_then_runs_until_it_ends(tmp_path):
    for pipe in ("imported", "running"):
        os.mkfifo(tmp_path / pipe)
    tests = str(Path(__file__).parents[1])
    backend = LocalBackend(programs="e2e.held", environment={"HELD": str(tmp_path), "PYTHONPATH": tests})
    ref = next(stage.ref for stage in a_plan().stages if stage.kind is Kind.CLEAN)
    attempt = Attempt(number=1, owner=backend.owner, claimed_at=datetime.now(UTC))

    def seen():
        backend.wait(datetime.now(UTC) + timedelta(seconds=0.1))
        return backend.sights([(ref, attempt)])[ref, 1]

    try:
        backend.launch((tmp_path / "store").as_uri(), ref, attempt)
        assert seen().waits  # so that its claim is kept young, however long importing takes
        (tmp_path / "imported").write_bytes(b"")
        while (sight := seen()).waits:
            pass
        assert sight.phase is Phase.RUNNING
        (tmp_path / "running").write_bytes(b"")
        while (sight := seen()).phase is Phase.RUNNING:
            pass
        assert sight.phase is Phase.ENDED
        assert not sight.waits
    finally:
        backend.close()
