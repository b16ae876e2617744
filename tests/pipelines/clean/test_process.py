"""The program as a process: what importing it starts, and what a killed one leaves behind."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from assay_pipelines.clean import __main__ as program


def test_importing_the_program_does_not_import_ray():
    code = f"import sys, {program.__name__}; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(
    not Path("/proc").exists(), reason="looks for processes by their environment, as Linux shows it"
)
def test_a_killed_program_leaves_no_ray_behind():
    mark = f"ASSAY_TEST_{os.getpid()}"
    code = (
        "from assay_pipelines.clean.on_ray import connect\n"
        "connect(cpus=1, memory_gib=0.3)\n"
        "print('ready', flush=True)\n"
        "import signal; signal.pause()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | {mark: "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdout.readline() == b"ready\n"
    assert len(marked(mark)) > 3
    child.kill()
    child.wait()
    psutil.wait_procs(marked(mark), timeout=200)  # Ray's agents look after their parent now and then
    assert marked(mark) == []


def marked(mark):
    found = []
    for process in psutil.process_iter():
        try:
            if mark in process.environ():
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
