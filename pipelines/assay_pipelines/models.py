"""From a reference to a model: a checkpoint that a stage keeps, or a folder from outside, found, brought here and loaded.

Train, generate and evaluate all come to them through here. Nothing is fetched from a hub.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from assay.api.model import ModelRef
from assay.errors import StageError
from assay_pipelines.checkpoints import checkpoint_folder, label_asked
from assay_pipelines.stage import StageRun

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def model_folder(run: StageRun, model: ModelRef, *, label: str | None = None) -> Path:
    """Bring a model to the local disk, verified, and return its Hugging Face folder.

    `label` overrides the checkpoint, for programs that take all of them.

    Raises:
        StageError: `CheckpointMissing`, `ModelMissing`, or what `StageRun.artifact` and `StageRun.outside` raise.

    """
    if model.from_ is not None:
        return checkpoint_folder(run, model.from_, label or label_asked(model.checkpoint))
    if model.uri is not None:
        return outside_folder(run, model.uri)
    raise StageError(
        "ModelMissing",
        "spec.model",
        f"found {model.chosen}, expected a model that exists: from or uri",
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


def load_weights(folder: Path, name: str, *, precision: str) -> Any:
    """Load a causal language model, whole or not at all.

    Raises:
        StageError: `ModelDamaged`: files are missing or unreadable, or the weights do not fit the configuration.

    """
    loader: Any = AutoModelForCausalLM
    try:
        model, loading = loader.from_pretrained(
            folder, dtype=PRECISIONS[precision], local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise damaged(f"model {name}", _told(error)) from error
    absent = sorted(loading["missing_keys"]) + sorted(str(key) for key in loading["mismatched_keys"])
    if absent:
        raise damaged(
            f"model {name}", f"no fitting weights for {', '.join(absent[:3])} and {len(absent)} in all"
        )
    return model


def load_tokenizer(folder: Path, name: str) -> Any:
    """Load a model's tokenizer.

    Raises:
        StageError: `ModelDamaged`.

    """
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the libraries below raise anything at damaged files
        raise damaged(f"tokenizer of model {name}", _told(error)) from error


def begin_token(tokenizer: Any, where: str) -> int:
    """Return the token that stands before a text that has nothing before it.

    Raises:
        StageError: `TokenizerUnfit`: there is neither a begin nor an end token.

    """
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise StageError(
        "TokenizerUnfit",
        where,
        "found neither a begin nor an end token, expected one to start texts with",
        "Give the tokenizer one.",
    )


def require_template(tokenizer: Any, where: str) -> None:
    """Refuse a tokenizer that cannot say how a chat is written.

    Raises:
        StageError: `TemplateMissing`.

    """
    if not getattr(tokenizer, "chat_template", None):
        raise StageError(
            "TemplateMissing",
            where,
            "found no chat template, expected one to write chats with",
            "Use a chat model, or train with template: chatml.",
        )


def not_finite(where: str) -> StageError:
    """Say that a model gives no numbers."""
    return StageError(
        "ModelNotFinite",
        where,
        "found a likelihood that is no number, expected finite ones",
        "Look at the training's loss; its weights are not usable.",
    )


def damaged(where: str, found: str) -> StageError:
    """Say that a model's folder is not whole."""
    return StageError(
        "ModelDamaged",
        where,
        f"found {found}, expected a whole Hugging Face model folder",
        "Restore the folder, or delete the record of the training that wrote it.",
    )


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
