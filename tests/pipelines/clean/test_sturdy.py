"""The sample's cleaning, with every step, on a real Ray: cores, the order of files and a killed worker leave no trace."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from assay.artifacts.kinds import Kind
from assay_pipelines.clean import flow
from assay_pipelines.clean.__main__ import main
from assay_pipelines.clean.judge import judge
from bench import Outcome

SAMPLES = Path(__file__).parents[3] / "manifests/samples"
FILES = 3  # per source
pytestmark = pytest.mark.timeout(600)  # Rays start, and workers compile
PROGRAM = (
    "import sys; from assay_pipelines.clean import blocks; from assay_pipelines.clean.__main__ import main;"
    "blocks.SMALL_BYTES = -1; sys.exit(main(sys.argv[1:]))"
)


@pytest.fixture
def sample(bench):
    """Return what makes the sample's clean stage, with its chats spread over files in one order or another."""

    def made(*, turned):
        document = yaml.safe_load((SAMPLES / "cleaning.yaml").read_text())
        spec = document["spec"]["pipeline"][0]["clean"]
        for source in spec["sources"]:
            source["uri"] = bench.outside(*spread(SAMPLES / source["uri"], bench.folder, turned=turned))
        for step in spec["steps"]:
            if "decontaminate" in step:
                step["decontaminate"]["uri"] = bench.outside(SAMPLES / step["decontaminate"]["uri"])
        return spec

    return made


def spread(path, folder, *, turned):
    """Deal a file's lines to files; turned, the files change places, with other lines in each."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    folder = folder / ("turned" if turned else "straight")
    folder.mkdir(exist_ok=True)
    files = []
    for number in range(FILES):
        file = folder / f"{path.stem}-{number}.jsonl"
        file.write_text("".join(lines[number::FILES][:: -1 if turned else 1]), encoding="utf-8")
        files.append(file)
    return files[::-1] if turned else files


def digests(outcome):
    assert outcome.summary["rows"] > 100
    return {path: file.sha256 for path, file in outcome.record.outputs.files.items()}


def dying(folder):
    """Return a `judge` whose worker is killed in its first pass, and again in a later one."""

    def judged(table, this):
        try:
            (folder / f"killed-{'first' if this.first else 'later'}").touch(exist_ok=False)
        except FileExistsError:
            return judge(table, this)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    return judged


@pytest.fixture
def quiet(bench, sample):
    """Return what one core makes of the files as they come."""
    return bench.run(main, Kind.CLEAN, sample(turned=False), cpus=1)


@pytest.mark.parametrize("cores", [4, 16])
def test_many_cores_and_other_files_give_the_bytes_of_one_core(bench, sample, quiet, cores):
    ref, arguments = bench.claimed(Kind.CLEAN, sample(turned=True), cpus=cores, memoryGib=0.5)
    code = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=False).returncode
    wide = Outcome(store=bench.store, ref=ref, code=code)

    assert digests(wide) == digests(quiet)
    assert wide.summary == quiet.summary


def test_a_killed_worker_costs_no_row(bench, sample, quiet, on_ray, monkeypatch):
    monkeypatch.setattr(flow, "judge", dying(bench.folder))
    disturbed = bench.run(main, Kind.CLEAN, sample(turned=True), cpus=2)

    assert sorted(path.name for path in bench.folder.glob("killed-*")) == ["killed-first", "killed-later"]
    assert digests(disturbed) == digests(quiet)
    assert disturbed.summary == quiet.summary
