"""Sources on a hub: the real client of huggingface_hub, in a real process, against a hub of our own; not the real hub."""

import json
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from assay.artifacts.documents import Location
from assay.artifacts.kinds import Kind
from bench import Outcome
from hubs import a_hub

REVISION = "0123456789abcdef0123456789abcdef01234567"
OTHER = REVISION[::-1]


def lines(*texts):
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


FILES = {
    "README.md": b"# Some data\n",
    "data/train-0.jsonl": lines("one", "two"),
    "data/train-1.jsonl": lines("three"),
    "data/deep/train-2.jsonl": lines("four"),
}


@pytest.fixture(scope="module")
def hub():
    with a_hub("owner/chats", REVISION, FILES) as served:
        yield served


def cleaned(bench, endpoint, path, *, repository="owner/chats", revision=REVISION, attempt=1, **environment):
    uri = f"hf://datasets/{repository}@{revision}/{path}"
    bench.locations["sha256:hub"] = Location(uri=uri, files=())
    spec = {"sources": [{"name": "texts", "uri": "sha256:hub", "format": "text"}], "steps": []}
    ref, argv = bench.claimed(Kind.CLEAN, spec, attempt=attempt)
    environment = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": endpoint} | environment
    done = subprocess.run(
        [sys.executable, "-m", "assay_pipelines.clean", *argv],
        env=os.environ | environment,
        check=False,
        capture_output=True,
        timeout=120,
    )
    return Outcome(store=bench.store, ref=ref, code=done.returncode, attempt=attempt)


def texts_of(outcome):
    rows = pq.read_table(outcome.path("chats.parquet")).to_pylist()
    return sorted(row["messages"][0]["content"] for row in rows)


def test_a_file_at_a_commit_is_read(bench, hub):
    endpoint, asked = hub
    assert texts_of(cleaned(bench, endpoint, "data/train-0.jsonl")) == ["one", "two"]
    assert asked[-1] == f"GET /datasets/owner/chats/resolve/{REVISION}/data/train-0.jsonl"


def test_a_star_stands_for_the_files_of_one_folder(bench, hub):
    assert texts_of(cleaned(bench, hub[0], "data/*.jsonl")) == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("data/nothing.jsonl", {}),
        ("nothing/*.jsonl", {}),
        ("data/train-0.jsonl", {"revision": OTHER}),
        ("data/train-0.jsonl", {"repository": "owner/others"}),
        ("data/*.jsonl", {"repository": "owner/others"}),
        ("data/train-0.jsonl", {"repository": "owner/forbidden"}),
        ("data/train-0.jsonl", {"repository": "owner/withdrawn"}),
    ],
)
def test_what_the_hub_does_not_have_is_told_and_not_tried_again(bench, hub, path, options):
    outcome = cleaned(bench, hub[0], path, **options)
    assert (outcome.code, outcome.failure.retry) == (64, "never")
    reason, message = outcome.refused
    assert reason == "HubRefused"
    assert message.startswith(f"hf://datasets/{options.get('repository', 'owner/chats')}@")


@pytest.mark.parametrize("path", ["data/train-0.jsonl", "data/*.jsonl"])
def test_a_hub_that_gives_no_answer_is_asked_again_later(bench, hub, path):
    outcome = cleaned(bench, hub[0], path, repository="owner/busy")
    assert (outcome.code, outcome.refused[0]) == (75, "HubUnavailable")


@pytest.mark.parametrize("offline", ["1", ""])
def test_no_hub_is_asked_where_the_launcher_does_not_allow_it(bench, hub, offline):
    endpoint, asked = hub
    before = len(asked)
    outcome = cleaned(bench, endpoint, "data/train-0.jsonl", HF_HUB_OFFLINE=offline)
    assert (outcome.code, outcome.refused[0]) == (64, "HubRefused")
    assert len(asked) == before
