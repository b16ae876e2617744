"""A cleaning that is killed in the midst of a pass: the next attempt goes on where it was, on a real Ray and real stores."""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assay.artifacts.documents import ArtifactRef
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import resume_key
from assay.stores.open import open_store
from assay.stores.records import load_record
from assay.stores.store import Store
from assay_pipelines.clean.__main__ import main
from bench import WORDS, Bench

PROGRAM = Path(__file__).with_name("killed_cleaning.py")
PIECES = 6  # one per file
pytestmark = pytest.mark.timeout(600)  # Rays start

STEPS = [
    {"shortInput": {"minWords": 3}},
    {"exactDuplicates": {}},
    {"refusals": {"scope": "turnPair"}},
    {"nearDuplicates": {"shingle": 2, "jaccard": 0.3, "editSimilarity": 0.3}},
    {"split": {"parts": [{"name": "held", "share": 0.1}], "seed": 1}},
    {"rule": {"patterns": ["parks because"], "action": "drop"}},
]


@pytest.fixture
def spec(bench):
    """A stage of which each file is a piece, and so a block."""
    draw = random.Random(1)

    def said(most):
        words = " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, most)))
        return words if draw.random() < 0.8 else f"I'm sorry, but I can't help with that. {words}"

    chats = [[{"from": who, "value": said(12)} for who in ("human", "gpt")] for _ in range(50 * PIECES)]
    files = []
    for number in range(PIECES):
        files.append(bench.folder / f"chats-{number}.jsonl")
        rows = chats[number::PIECES] + chats[:10]
        files[-1].write_text("".join(json.dumps({"conversations": chat}) + "\n" for chat in rows))
    source = {"name": "chats", "uri": bench.outside(*files), "format": "sharegpt"}
    return {"sources": [source], "steps": STEPS}


@pytest.fixture
def quiet(bench, spec):
    """What an attempt makes that nothing disturbs."""
    return bench.run(main, Kind.CLEAN, spec, cpus=1).record.outputs


@pytest.fixture(params=["folder", "minio"])
def elsewhere(request, bench, tmp_path, monkeypatch):
    """Another store for the same files."""
    uri = (tmp_path / "elsewhere").as_uri()
    if request.param == "minio":
        server = request.getfixturevalue("minio_server")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        uri = f"s3://{server.bucket}/tests/{secrets.token_hex(8)}"
    return Bench(store=open_store(uri), folder=bench.folder, locations=bench.locations)


def attempted(bench, spec, number, when):
    """Make an attempt that is killed when the last piece comes to a pass, and return the stage and the exit code."""
    ref, arguments = bench.claimed(Kind.CLEAN, spec, attempt=number, cpus=1, memoryGib=0.5)
    command = [sys.executable, PROGRAM, when, str(PIECES - 1), *arguments]
    return ref, subprocess.run(command, env=os.environ, check=False).returncode


def partitions(store: Store, ref: ArtifactRef):
    return {info.key: info for info in store.keys(resume_key(ref, ""))}


def test_a_cleaning_killed_twice_redoes_no_finished_block_and_ends_with_the_bytes_of_one_undisturbed(
    quiet, elsewhere, spec
):
    store = elsewhere.store
    ref, code = attempted(elsewhere, spec, 1, "later")
    finished = partitions(store, ref)
    assert code == -signal.SIGKILL
    assert len(finished) > PIECES  # of the first pass all, of the second some

    _, code = attempted(elsewhere, spec, 2, "later")
    found = partitions(store, ref)
    assert code == -signal.SIGKILL
    assert {key: found.get(key) for key in finished} == finished  # what is done again is written again

    _, code = attempted(elsewhere, spec, 3, "never")
    assert code == 0
    assert load_record(store, ref).outputs == quiet
    assert partitions(store, ref) == {}


def test_finished_blocks_that_are_damaged_are_made_again(bench, quiet, tmp_path, spec):
    store = open_store((tmp_path / "elsewhere").as_uri())
    elsewhere = Bench(store=store, folder=bench.folder, locations=bench.locations)
    ref, code = attempted(elsewhere, spec, 1, "first")
    finished = partitions(store, ref)
    assert code == -signal.SIGKILL
    assert 0 < len(finished) < PIECES
    for number, key in enumerate(finished):
        data = store.get(key)
        middle = len(data) // 2
        turned = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        store.put(key, (data[:middle], turned, b"")[number % 3])

    _, code = attempted(elsewhere, spec, 2, "never")
    assert code == 0
    assert load_record(store, ref).outputs == quiet
