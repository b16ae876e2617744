"""From a stage's spec to chats and a ledger."""

from pathlib import Path
from typing import Any

from assay.api.execution import CleanExecution
from assay_pipelines.clean.blocks import open_blocks
from assay_pipelines.clean.flow import fly
from assay_pipelines.clean.intake.pieces import Origin, pieces
from assay_pipelines.clean.output import write_chats, write_ledger
from assay_pipelines.clean.spec import CleanSpec, read_spec
from assay_pipelines.dataset import chats_path
from assay_pipelines.stage import StageRun

_PACKING = 4  # how much smaller packed files are than their text, about


def clean(run: StageRun) -> dict[str, Any]:
    """Carry out the stage and return its summary."""
    spec = read_spec(run.spec)
    likes = {
        number: int(run.record(ref).outputs.summary["rows"])
        for number, step in enumerate(spec.clean.steps)
        if (ref := spec.like(step)) is not None
    }
    execution = CleanExecution.model_validate(run.execution)
    origins = _origins(run, spec)
    size = sum(_unpacked(path) for origin in origins for path in origin.files)
    blocks = open_blocks(
        pieces(origins),
        size=size,
        cpus=execution.cpus,
        memory_gib=execution.memory_gib,
    )
    flown = fly(
        spec, blocks, likes, lambda doing, rows: run.progress(f"clean: {doing}", done=rows, unit="rows")
    )
    account = flown.account
    run.progress("clean: writing", done=int(account.alive.sum()), unit="rows")
    messages, words = write_chats(flown.kept(), account, run.output, run.scratch, size)
    write_ledger(account, run.output)
    return account.summary() | {"messages": messages, "words": words}


def _origins(run: StageRun, spec: CleanSpec) -> list[Origin]:
    origins = []
    for source in spec.clean.sources:
        if source.uri is not None and source.format is not None:
            origins.append(Origin(format=source.format.value, files=run.outside(source.uri)))
            continue
        path = chats_path(run, spec.artifact(source), split=source.split)
        origins.append(Origin(format="", files=[path]))
    return origins


def _unpacked(path: Path) -> int:
    """Guess how many bytes a file holds."""
    return path.stat().st_size * (_PACKING if path.suffix in (".gz", ".parquet") else 1)
