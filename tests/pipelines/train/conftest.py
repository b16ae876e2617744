"""Chats in a store, a train stage on them, and a process forked after all imports to carry it out, as on a laptop."""

import json
import multiprocessing
import os
import random
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from assay.artifacts.documents import (
    ArtifactRef,
    Attempt,
    OutputFile,
    Outputs,
    Provenance,
    Record,
    StageDocument,
)
from assay.artifacts.kinds import SEMANTICS, Kind
from assay.artifacts.layout import claim_key, data_key, failure_key, stage_document_key
from assay.stores.folder import FolderStore
from assay.stores.records import load_record, publish
from assay_pipelines.stage import sha256_of
from assay_pipelines.train import __main__ as program

torch.set_num_threads(1)  # a pool of threads in this process would not survive the forks

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "then",
    "it",
    "went",
    "home",
    "because",
    "of",
    "rain",
    "while",
    "dogs",
    "run",
    "in",
    "parks",
]
MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))


def some_chats(count, *, seed=0, turns=1):
    """Return chats of a few words: id → (role, content) pairs."""
    draw = random.Random(seed)

    def sentence():
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(3, 9)))

    return {
        f"chat-{index:05d}": [(role, sentence()) for _ in range(turns) for role in ("user", "assistant")]
        for index in range(count)
    }


@dataclass
class Ended:
    """What an attempt left behind."""

    store: FolderStore
    ref: ArtifactRef
    code: int

    @property
    def record(self):
        found = load_record(self.store, self.ref)
        assert found is not None, self.failure
        return found

    @property
    def summary(self):
        return self.record.outputs.summary

    @property
    def failure(self):
        data = self.store.get(failure_key(self.ref, 1))
        return None if data is None else json.loads(data)

    def path(self, name):
        return Path(self.store.uri.removeprefix("file://")) / data_key(self.ref, 1, name)

    def checkpoint(self, label="final"):
        return self.path(f"checkpoints/{label}")

    @property
    def metrics(self):
        return pq.read_table(self.path("metrics.parquet")).to_pydict()


@dataclass
class Bench:
    """A store, and what stands on it."""

    folder: Path
    store: FolderStore = field(init=False)

    def __post_init__(self):
        self.folder.mkdir()
        self.store = FolderStore(self.folder)

    def chats(self, chats, name="chats.parquet"):
        """Publish chats as a clean stage did; returns its ArtifactRef."""
        spec = {"nominal": json.dumps(chats, sort_keys=True), "name": name}
        stage = StageDocument(kind=Kind.CLEAN, semantics=SEMANTICS[Kind.CLEAN], spec=spec, reads=())
        rows = [
            {
                "id": key,
                "source": "test",
                "messages": [{"role": role, "content": text} for role, text in turns],
            }
            for key, turns in sorted(chats.items())
        ]
        schema = pa.schema([("id", pa.string()), ("source", pa.string()), ("messages", MESSAGES)])
        local = self.folder / name
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), local)
        self.store.upload(data_key(stage.ref, 1, name), local)
        files = {name: OutputFile(size=local.stat().st_size, sha256=sha256_of(local))}
        provenance = Provenance(
            attempt=1, inputs={}, execution={}, environment={}, started_at=NOW, finished_at=NOW
        )
        publish(
            self.store,
            Record(identity=stage, outputs=Outputs(files=files, summary={}), provenance=provenance),
        )
        return str(stage.ref)

    def stage(self, spec, *, execution=None, locations=None):
        """Claim a train stage; returns its ArtifactRef and the arguments of its program."""
        stage = StageDocument(kind=Kind.TRAIN, semantics=SEMANTICS[Kind.TRAIN], spec=spec, reads=())
        self.store.put(stage_document_key(stage.ref), stage.encode())
        attempt = Attempt(
            number=1, owner="test", claimed_at=NOW, execution=execution or {}, locations=locations or {}
        )
        self.store.put(claim_key(stage.ref, 1), attempt.encode())
        return stage.ref, ["--stage", f"{self.store.uri}/stages/{stage.ref}", "--attempt", "1"]

    def train(self, spec, *, execution=None, locations=None):
        """Carry out a train stage in a process forked from this one."""
        ref, process = self.start(spec, execution=execution, locations=locations)
        process.join()
        return Ended(self.store, ref, process.exitcode)

    def start(self, spec, *, execution=None, locations=None):
        """Start a train stage in a process forked from this one."""
        ref, argv = self.stage(spec, execution=execution, locations=locations)
        process = multiprocessing.get_context("fork").Process(target=_main, args=(argv,))
        process.start()
        return ref, process

    def ended(self, ref, process):
        """Wait for a stage that was started."""
        process.join()
        return Ended(self.store, ref, process.exitcode)


def _main(argv):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.exit(program.main(argv))


def a_training(data, **changes):
    """Return the resolved spec of a small training."""
    spec = {
        "objective": "sft",
        "data": {"from": data},
        "model": {
            "llama": {"hiddenSize": 32, "layers": 2, "heads": 2, "context": 128, "tieEmbeddings": True}
        },
        "tokenizer": {"train": {"vocabulary": 300}},
        "template": "chatml",
        "batchSize": 8,
        "batchUnit": "examples",
        "epochs": 1,
        "optimizer": {"name": "adamw", "lr": 0.003},
        "schedule": {"warmupRatio": 0, "decay": "constant"},
        "sequenceLength": 128,
        "precision": "fp32",
        "seed": 1,
    }
    spec.update(changes)
    return {key: value for key, value in spec.items() if value is not None}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "store")


@pytest.fixture
def make_bench(tmp_path):
    return lambda name: Bench(tmp_path / name)


@pytest.fixture
def spec_of():
    return a_training


@pytest.fixture
def chats_of():
    return some_chats
