"""A cluster lives for the sake of one process, and leaves nothing on the machine when that ends."""

import json
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from cluster.outside import down, up
from cluster.site import Site

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def master():
    process = subprocess.Popen(["sleep", "infinity"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "cluster"
    down(tmp_path / "cluster")


def test_cluster_is_one_until_its_master_ends_and_then_nothing_is_left_of_it(folder, master):
    cluster, made = up(folder, parent=master.pid)
    assert made
    assert up(folder, parent=master.pid) == (cluster, False)
    state = json.loads((folder / "state.json").read_text())
    first = psutil.Process(state["process"])
    inhabitants = [first, *first.children(recursive=True)]
    assert len(inhabitants) > 10
    site = Site(folder=folder, number=state["number"])
    assert Path("/sys/class/net", site.interface).exists()

    master.kill()
    master.wait()

    _, alive = psutil.wait_procs(inhabitants, timeout=60)
    assert not alive
    interface = Path("/sys/class/net", site.interface)
    deadline = time.monotonic() + 60
    while (
        interface.exists() and time.monotonic() < deadline
    ):  # Linux takes down a network when it has the time
        time.sleep(0.1)
    assert not interface.exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"**/{site.cgroup}"))
    assert "is gone" in (folder / "log" / "inside.log").read_text()
