"""From what a program stage refers to, to the folders that its command reads."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from assay.api.program import Program, ProgramInput
from assay.artifacts.canonical import canonical_json
from assay.artifacts.documents import ArtifactRef
from assay.artifacts.exchange import CHATS, CODE, INPUTS, OUTPUT, PARAMETERS, SCORES
from assay.artifacts.kinds import Kind
from assay.artifacts.outputs import OUTCOMES
from assay_pipelines.chats import messages_of
from assay_pipelines.checkpoints import checkpoint_folder, label_asked
from assay_pipelines.dataset import chats_path
from assay_pipelines.stage import StageRun

_ROWS = 8192  # that are read at a time
_WRITES = {Kind.CLEAN: "dataset", Kind.GENERATE: "dataset", Kind.TRAIN: "model", Kind.EVALUATE: "scores"}


def bring(run: StageRun, words: Program, exchange: Path) -> None:
    """Lay out all that a command is given.

    Raises:
        StageError: something is not there, or not what was planned.

    """
    for place in exchange.iterdir() if exchange.exists() else ():
        if place != run.scratch:  # which may lie inside; the rest is of this attempt's earlier pod
            shutil.rmtree(place) if place.is_dir() else place.unlink()
    for one in words.inputs:
        run.progress(f"program: reads {one.name}")
        folder = exchange / INPUTS / one.name
        folder.mkdir(parents=True)
        if one.uri is not None:
            _outside(run, one.uri, folder)
        else:
            _artifact(run, one, folder)
    (exchange / INPUTS).mkdir(parents=True, exist_ok=True)
    if words.code is not None:
        _outside(run, words.code.uri, exchange / CODE)
    (exchange / PARAMETERS).write_bytes(canonical_json(words.parameters))
    (exchange / OUTPUT).mkdir()


def _outside(run: StageRun, identity: str, folder: Path) -> None:
    for file, path in zip(run.attempt.locations[identity].files, run.outside(identity), strict=True):
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, place)


def _artifact(run: StageRun, one: ProgramInput, folder: Path) -> None:
    ref = ArtifactRef(one.from_ or "")
    writes = run.record(ref).identity.spec["output"] if ref.kind is Kind.PROGRAM else _WRITES[ref.kind]
    if writes == "model":
        source = checkpoint_folder(run, ref, label_asked(one.checkpoint))
        shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=shutil.move)
    elif writes == "scores":
        _write_lines(folder / SCORES, _scores(run.artifact(ref, OUTCOMES).folder / OUTCOMES))
    else:
        _write_lines(folder / CHATS, _chats(chats_path(run, ref, split=one.split)))


def _chats(path: Path) -> Iterable[Mapping[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS):
            table = pa.Table.from_batches([batch])
            columns = (table.column(name).to_pylist() for name in ("id", "source", "meta"))
            for (name, source, meta), messages in zip(
                zip(*columns, strict=True), messages_of(table), strict=True
            ):
                yield {
                    "id": name,
                    "source": source,
                    "messages": [turn._asdict() for turn in messages],
                    "meta": json.loads(meta),
                }


def _scores(path: Path) -> Iterable[Mapping[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS):
            for row in batch.to_pylist():
                outcome = row.pop("outcome")
                yield {**row, "score": outcome / row["weight"]}


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
