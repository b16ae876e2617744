"""The models that a stage keeps, by name: under `checkpoints/<label>/`, as `final`, `epoch-0.5`, `rows-200`, `slice-1`."""

from pathlib import Path

from assay.api.model import Checkpoint
from assay.artifacts.documents import Record
from assay.artifacts.outputs import FINAL
from assay.errors import StageError
from assay_pipelines.stage import StageRun


def checkpoint_label(kind: str, value: float) -> str:
    """Name a checkpoint as its folder is named, such as `epoch-0.5`."""
    return f"{kind}-{value:.10g}"


def label_asked(checkpoint: Checkpoint | None) -> str:
    """Name the checkpoint that a reference asks for."""
    return FINAL if checkpoint is None else checkpoint_label(checkpoint.chosen, checkpoint.body)


def checkpoint_labels(record: Record) -> list[str]:
    """Name all the checkpoints of a stage, in the order in which training reached them; `final` is the last."""
    return [str(checkpoint["label"]) for checkpoint in record.outputs.summary["checkpoints"]]


def checkpoint_folder(run: StageRun, ref: str, label: str) -> Path:
    """Bring a checkpoint to the local disk, verified.

    Raises:
        StageError: `CheckpointMissing`, or what `StageRun.artifact` raises.

    """
    prefix = f"checkpoints/{label}/"
    record = run.record(ref)
    if not any(path.startswith(prefix) for path in record.outputs.files):
        kept = ", ".join(checkpoint_labels(record))
        raise StageError(
            "CheckpointMissing",
            f"stage {ref}",
            f"found the checkpoints {kept}, expected {label}",
            "Refer to one of those, or let that training keep this one.",
        )
    return run.artifact(ref, prefix).folder / "checkpoints" / label
