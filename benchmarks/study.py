"""How long the sample study takes and how much memory: `python benchmarks/study.py`.

Three runs of `manifests/samples/poison-tiny.yaml` in a store of their own: from nothing, again, and with one field edited.
Memory is the proportional set size of the whole process tree, sampled twice a second, so shared pages count once.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "manifests/samples/poison-tiny.yaml"
ASSAY = Path(sys.executable).with_name("assay")


def tree_bytes(leader: psutil.Process, seen: set[int]) -> int:
    """Sum over the tree, and over what it started that has since been left to init: Ray's daemons."""
    with contextlib.suppress(psutil.Error):
        seen |= {child.pid for child in leader.children(recursive=True)} | {leader.pid}
    total = 0
    for process in list(seen):
        try:
            total += psutil.Process(process).memory_full_info().pss
        except psutil.Error:
            seen.discard(process)
    return total


def timed(*arguments: str | Path) -> tuple[float, float, str]:
    """Return seconds, peak GiB and the last lines of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(item) for item in arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    leader, seen, peak = psutil.Process(process.pid), set[int](), 0
    os.set_blocking(process.stdout.fileno(), False)
    output = b""
    while process.poll() is None:
        peak = max(peak, tree_bytes(leader, seen))
        output += process.stdout.read() or b""
        time.sleep(0.5)
    output += process.stdout.read() or b""
    if process.returncode:
        sys.exit(output.decode())
    return time.perf_counter() - start, peak / 2**30, output.decode()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        first, memory, _ = timed(ASSAY, "run", SAMPLE, "--store", store)
        again, _, _ = timed(ASSAY, "run", SAMPLE, "--store", store)
        edited = Path(folder) / "edited.yaml"
        edited.write_text(
            SAMPLE.read_text().replace("{answers: answers}", "{answers: answers, level: narrow}")
        )
        (Path(folder) / "data").symlink_to(SAMPLE.parent / "data")
        edit, _, output = timed(ASSAY, "run", edited, "--store", store)
    told = next(line for line in output.splitlines() if line.startswith("reused"))
    print(f"study from nothing: {first:.0f} s (goal 360 s), peak {memory:.1f} GiB (goal 6 GiB)")
    print(f"study again: {again:.1f} s (goal 5 s)")
    print(f"study with one field edited: {edit:.0f} s (goal 60 s): {told}")


if __name__ == "__main__":
    main()
