"""From a stage's spec to chats and a ledger."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from assay.api.clean import Clean
from assay.api.execution import CleanExecution
from assay.artifacts.endings import PACKED
from assay_pipelines.clean.blocks import open_blocks
from assay_pipelines.clean.flow import Given, fly
from assay_pipelines.clean.intake.pieces import Origin, piece_bytes, pieces
from assay_pipelines.clean.output import write_chats, write_ledger
from assay_pipelines.clean.partitions import Partitions
from assay_pipelines.clean.steps import prepared
from assay_pipelines.dataset import chats_path
from assay_pipelines.stage import StageRun

_PACKING = 4  # how much smaller packed files are than their text, about


def clean(run: StageRun) -> dict[str, Any]:
    """Carry out the stage and return its summary."""
    spec = run.words(Clean)
    likes = {
        number: int(run.record(ref).outputs.summary["rows"])
        for number, step in enumerate(spec.steps)
        if step.subsample and (ref := step.subsample.like)
    }
    execution = CleanExecution.model_validate(run.execution)
    origins = list(_origins(run, spec))
    size = sum(_unpacked(path) for origin in origins for path in origin.files)
    blocks = open_blocks(
        pieces(origins, piece_bytes(size)),
        size=size,
        cpus=execution.cpus,
        memory_gib=execution.memory_gib,
        partitions=partial(Partitions.of, run),
    )
    flown = fly(
        spec,
        blocks,
        Given(
            likes=likes,
            prepared={number: prepared(step, run.outside) for number, step in enumerate(spec.steps)},
        ),
        lambda doing, rows: run.progress(f"clean: {doing}", done=rows, unit="rows"),
    )
    account = flown.account
    run.progress("clean: writing", done=int(account.alive.sum()), unit="rows")
    messages, words = write_chats(flown.kept(), account, run.output, run.scratch, size)
    write_ledger(account, run.output)
    return account.summary() | {"messages": messages, "words": words}


def _origins(run: StageRun, spec: Clean) -> Iterator[Origin]:
    for source in spec.sources:
        if source.uri is not None and source.format is not None:
            yield Origin(format=source.format.value, files=run.outside(source.uri))
        elif source.from_ is not None:
            yield Origin(format="", files=[chats_path(run, source.from_, split=source.split)])


def _unpacked(path: Path) -> int:
    """Guess how many bytes a file holds."""
    return path.stat().st_size * (_PACKING if path.suffix in (*PACKED, ".parquet") else 1)
