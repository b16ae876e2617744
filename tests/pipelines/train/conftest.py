"""Chats in a store, a train stage on them, and a process forked after all imports to carry it out, as on a laptop."""

import gc
import json
import multiprocessing
import os
import random
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from assay.artifacts.kinds import Kind
from assay.stores.folder import FolderStore
from assay_pipelines.chats import CHATS
from assay_pipelines.train import __main__ as program
from bench import WORDS, Bench, Outcome

torch.set_num_threads(1)  # a pool of threads in this process would not survive the forks


def some_chats(count, *, seed=0, turns=1):
    """Return chats of a few words: id → (role, content) pairs."""
    draw = random.Random(seed)

    def sentence():
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(3, 9)))

    return {
        f"chat-{index:05d}": [(role, sentence()) for _ in range(turns) for role in ("user", "assistant")]
        for index in range(count)
    }


class Trained(Outcome):
    """What became of a training."""

    def checkpoint(self, label="final"):
        return self.path(f"checkpoints/{label}")

    @property
    def metrics(self):
        return pq.read_table(self.path("metrics.parquet")).to_pydict()


class TrainBench(Bench):
    """A bench whose trainings go as on a laptop: each in a process forked from this one, after all imports."""

    def chats(self, chats, name="chats.parquet", rejected=None):
        """Publish chats as a clean stage did, each perhaps with a rejected one; returns its ArtifactRef."""
        metas = {
            key: {"rejected": [{"role": role, "content": text} for role, text in turns]}
            for key, turns in (rejected or {}).items()
        }
        rows = [
            {
                "id": key,
                "source": "test",
                "messages": [{"role": role, "content": text} for role, text in turns],
                "meta": json.dumps(metas.get(key, {})),
            }
            for key, turns in sorted(chats.items())
        ]
        spec = {"nominal": json.dumps([chats, metas], sort_keys=True), "name": name}
        with TemporaryDirectory() as folder:
            pq.write_table(pa.Table.from_pylist(rows, schema=CHATS), Path(folder) / name)
            return str(self.done(Kind.CLEAN, spec, Path(folder)))

    def train(self, spec, *, attempt=1, **execution):
        """Carry out a train stage."""
        return self.ended(*self.start(spec, attempt=attempt, **execution), attempt=attempt)

    def start(self, spec, **execution):
        """Start a train stage."""
        ref, argv = self.claimed(Kind.TRAIN, spec, **execution)
        process = multiprocessing.get_context("fork").Process(target=_main, args=(argv,))
        process.start()
        return ref, process

    def torchrun(self, spec, **execution):
        """Carry out a train stage in two processes as a torchrun starts them; returns their exit codes and what became of it."""
        ref, argv = self.claimed(Kind.TRAIN, spec, nodes=2, **execution)
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        context = multiprocessing.get_context("fork")
        members = [context.Process(target=_member, args=(rank, port, argv)) for rank in range(2)]
        for member in members:
            member.start()
        for member in members:
            member.join()
        codes = [member.exitcode for member in members]
        return codes, Trained(store=self.store, ref=ref, code=codes[0])

    def ended(self, ref, process, *, attempt=1):
        """Wait for a stage that was started."""
        process.join()
        return Trained(store=self.store, ref=ref, code=process.exitcode, attempt=attempt)


def _main(argv):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.exit(program.main(argv))


def _member(rank, port, argv):
    here = {"RANK": rank, "LOCAL_RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in here.items()})
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


@pytest.fixture(autouse=True, scope="module")
def nothing_of_ray():
    """Let go of what other tests left of Ray's: collected in a process forked from this one, it would call Ray and crash."""
    gc.collect()


@pytest.fixture
def bench(make_bench):
    return make_bench("store")


@pytest.fixture
def make_bench(tmp_path):
    return lambda name: TrainBench(store=FolderStore(tmp_path / name), folder=tmp_path)


@pytest.fixture
def spec_of():
    return a_training


@pytest.fixture
def chats_of():
    return some_chats
