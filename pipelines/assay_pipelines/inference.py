"""A Hugging Face model folder, loaded to answer or to be measured: what generate and evaluate share.

Nothing is fetched from a hub (see `offline`). Importing this module imports all that a Llama needs, so that a process forked
from one that has imported it starts at once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.llama import modeling_llama as _preloaded  # noqa: F401 -- seconds, else in every child
from transformers.utils import logging as transformers_logging

from assay.api.execution import InferenceExecution
from assay.errors import StageError
from assay_pipelines.models import checkpoint_label, checkpoint_labels, model_folder
from assay_pipelines.stage import StageRun

_PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
_UNLIMITED = 2048  # context of a model whose configuration names none, as lm-evaluation-harness assumes


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model ready for inference, and how its text is encoded."""

    label: str  # the checkpoint's, such as `final`
    model: Any
    tokenizer: Any
    context: int  # longest sequence, in tokens

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        device: torch.device = self.model.device
        return device

    @property
    def start(self) -> int:
        """The token put before a text that has nothing before it.

        Raises:
            StageError: `TokenizerUnfit`: there is neither a begin nor an end token.

        """
        for token in (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        raise StageError(
            "TokenizerUnfit",
            f"tokenizer of model {self.label}",
            "found neither a begin nor an end token, expected one to start texts with",
            "Give the tokenizer one.",
        )

    def require_template(self) -> None:
        """Refuse a tokenizer that cannot say how a chat is written.

        Raises:
            StageError: `TemplateMissing`.

        """
        if not getattr(self.tokenizer, "chat_template", None):
            raise StageError(
                "TemplateMissing",
                f"tokenizer of model {self.label}",
                "found no chat template, expected one to read chats with",
                "Use a chat model, or give the training a template.",
            )


def labels_asked(run: StageRun) -> list[str]:
    """Name the checkpoints that a stage asks for: the one referred to, or all in the order of training."""
    model = run.spec["model"]
    if run.spec["checkpoints"] == "all" and "from" in model:
        return checkpoint_labels(run.record(model["from"]))
    return [checkpoint_label(model.get("checkpoint"))]


def models_asked(run: StageRun) -> Iterator[LoadedModel]:
    """Load the checkpoints that a stage asks for, one at a time.

    Raises:
        StageError: one of them is missing or damaged.

    """
    threads = InferenceExecution.model_validate(run.execution).threads
    for label in labels_asked(run):
        folder = model_folder(run, run.spec["model"], label=label)
        yield load_model(label, folder, precision=run.spec["precision"], threads=threads)


def load_model(label: str, folder: Path, *, precision: str, threads: int) -> LoadedModel:
    """Load a model folder, whole or not at all.

    Raises:
        StageError: `ModelDamaged`: files are missing or unreadable, or the weights do not fit the configuration.

    """
    torch.set_num_threads(threads)
    library: Any = transformers_logging
    library.set_verbosity_error()
    library.disable_progress_bar()
    loader: Any = AutoModelForCausalLM
    try:
        model, loading = loader.from_pretrained(
            folder, dtype=_PRECISIONS[precision], local_files_only=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        told = " ".join(str(error).split())[:300]
        raise _damaged(label, f"{type(error).__name__}: {told}") from error
    absent = sorted(loading["missing_keys"]) + sorted(str(key) for key in loading["mismatched_keys"])
    if absent:
        raise _damaged(label, f"no fitting weights for {', '.join(absent[:3])} and {len(absent)} in all")
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise _damaged(
            label,
            f"a tokenizer of {len(tokenizer)} tokens over {model.get_input_embeddings().num_embeddings} embeddings",
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return LoadedModel(
        label=label,
        model=model.eval().requires_grad_(requires_grad=False).to(device),
        tokenizer=tokenizer,
        context=getattr(model.config, "max_position_embeddings", None) or _UNLIMITED,
    )


def _damaged(label: str, found: str) -> StageError:
    return StageError(
        "ModelDamaged",
        f"model {label}",
        f"found {found}, expected a whole Hugging Face model folder",
        "Restore the folder, or delete the record of the training that wrote it.",
    )
