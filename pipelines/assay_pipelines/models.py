"""Where a model's files are: the checkpoint of a train stage, or a folder from outside, as one local Hugging Face folder.

A train stage keeps its models under `checkpoints/<label>/`: `final`, `epoch-0.5`, `rows-200`, `slice-1`. Train, generate and
evaluate all find them here. Nothing is loaded here, and nothing is fetched from a hub.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.artifacts.documents import Record
from assay.errors import StageError
from assay_pipelines.stage import StageRun

FINAL = "final"


def checkpoint_label(checkpoint: Mapping[str, Any] | None) -> str:
    """Name a checkpoint as its folder is named: `{"epoch": 0.5}` is `epoch-0.5`, none is `final`."""
    if not checkpoint:
        return FINAL
    kind, value = next((kind, value) for kind, value in checkpoint.items() if value is not None)
    return f"{kind}-{value:.10g}"


def checkpoint_labels(record: Record) -> list[str]:
    """Name all the checkpoints of a train stage, in the order in which training reached them; `final` is the last."""
    return [str(checkpoint["label"]) for checkpoint in record.outputs.summary["checkpoints"]]


def model_folder(run: StageRun, model: Mapping[str, Any], *, label: str | None = None) -> Path:
    """Bring a model to the local disk, verified, and return its Hugging Face folder.

    `model` is a `ModelRef` as it stands in a stage's spec: `{"from": "train/<fingerprint>", "checkpoint": {…}}` or
    `{"uri": "<content identity>"}`. `label` overrides the checkpoint, for programs that take all of them.

    Raises:
        StageError: `CheckpointMissing`, `ModelMissing`, or what `StageRun.artifact` and `StageRun.outside` raise.

    """
    if model.get("from") is not None:
        return _checkpoint(run, model["from"], label or checkpoint_label(model.get("checkpoint")))
    if model.get("uri") is not None:
        return outside_folder(run, model["uri"])
    raise StageError(
        "ModelMissing",
        "spec.model",
        f"found {sorted(model)}, expected a model that exists: from or uri",
        "Name a train stage or a model folder.",
    )


def outside_folder(run: StageRun, identity: str) -> Path:
    """Bring an outside folder to the local disk under its own file names.

    Raises:
        StageError: `ModelMissing`: it has no files here; or what `StageRun.outside` raises.

    """
    location = run.attempt.locations.get(identity)
    if location is None or not location.files:
        raise StageError(
            "ModelMissing",
            f"model {identity}",
            "found no files of it, expected a local or s3:// folder",
            "Hub models have to be brought into a folder first.",
        )
    first = run.outside(identity)[0]
    return first.parents[len(Path(location.files[0].path).parts) - 1]


def _checkpoint(run: StageRun, ref: str, label: str) -> Path:
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
