"""What the local backend adds to a stage: `python benchmarks/overhead.py`.

The same stages once through `assay`'s loop (claim, fork, heartbeat, publish, observe) with programs that do nothing, servers
warm, and once as bare `fork + exit`.
"""

import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))
os.environ["PYTHONPATH"] = str(TESTS)

from assay.adapters.local import LocalBackend
from assay.control.control import Control
from assay.reconcile.facts import Policy
from assay.stores.folder import FolderStore
from builders import a_plan

RUNS = 12


def carried_out(backend: LocalBackend, first_seed: int) -> tuple[int, float]:
    seeds = list(range(first_seed, first_seed + RUNS))
    plan = a_plan(
        matrix=[{"name": "seed", "role": "replicate", "paths": ["sft.train.seed"], "integers": seeds}]
    )
    with tempfile.TemporaryDirectory() as folder:
        control = Control(
            plan,
            store=FolderStore(Path(folder)),
            backend=backend,
            policy=Policy(since=datetime.now(UTC)),
            clock=lambda: datetime.now(UTC),
        )
        start = time.perf_counter()
        control.run(lambda *_: None)
        return len(plan.stages), time.perf_counter() - start


def bare_forks(count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    return time.perf_counter() - start


def main() -> None:
    backend = LocalBackend(parallel=1, programs="e2e.programs")
    carried_out(backend, 0)  # the servers start
    stages, took = carried_out(backend, 1000)
    backend.close()
    bare = bare_forks(stages)
    print(
        f"local backend: {stages} stages one after another in {took:.2f} s: {1000 * took / stages:.0f} ms each (goal 1000 ms)"
    )
    print(f"bare fork and exit: {1000 * bare / stages:.1f} ms each")


if __name__ == "__main__":
    main()
