"""How quickly the command line answers: `python benchmarks/help.py`. `assay --help` beside a bare Python."""

import subprocess
import sys
import time
from pathlib import Path

RUNS = 5


def best(*command: str) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    told, bare = best(str(Path(sys.executable).with_name("assay")), "--help"), best(sys.executable, "-c", "")
    print(f"assay --help: {told:.2f} s (goal 0.5 s); a bare Python: {bare:.2f} s; best of {RUNS}")


if __name__ == "__main__":
    main()
