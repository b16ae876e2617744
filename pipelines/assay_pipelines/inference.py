"""A Hugging Face model folder, loaded to answer or to be measured: what generate and evaluate share.

Nothing is fetched from a hub (see `offline`). Importing this module imports all that a Llama needs, so that a process forked
from one that has imported it starts at once.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers.models.llama import modeling_llama as _preloaded  # noqa: F401 -- seconds, else in every child
from transformers.utils import logging as transformers_logging

from assay.api.evaluate import Evaluate
from assay.api.execution import EvaluateExecution, InferenceExecution
from assay.api.generate import Generate
from assay_pipelines.by_vllm import Vllm, opened
from assay_pipelines.checkpoints import checkpoint_labels, label_asked
from assay_pipelines.devices import device_class, device_here
from assay_pipelines.models import (
    begin_token,
    damaged,
    load_tokenizer,
    load_weights,
    model_folder,
    require_template,
)
from assay_pipelines.stage import StageRun

_UNLIMITED = 2048  # context of a model whose configuration names none, as lm-evaluation-harness assumes


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model ready for inference, and how its text is encoded."""

    label: str  # the checkpoint's, such as `final`
    model: Any
    tokenizer: Any
    context: int  # longest sequence, in tokens
    vllm: Vllm | None = None  # answers in its stead, if it was asked for

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        device: torch.device = self.model.device
        return device

    @property
    def start(self) -> int:
        """The token put before a text that has nothing before it."""
        return begin_token(self.tokenizer, f"tokenizer of model {self.label}")

    def require_template(self) -> None:
        """Refuse a tokenizer that cannot say how a chat is written."""
        require_template(self.tokenizer, f"tokenizer of model {self.label}")


def answering(run: StageRun) -> InferenceExecution:
    """Return how models answer in a stage of either kind."""
    return EvaluateExecution.model_validate(run.execution)  # has all that a generate stage's has


def labels_asked(run: StageRun, words: Generate | Evaluate) -> list[str]:
    """Name the checkpoints that a stage asks for: the one referred to, or all in the order of training."""
    if words.checkpoints == "all" and words.model.from_ is not None:
        return checkpoint_labels(run.record(words.model.from_))
    return [label_asked(words.model.checkpoint)]


def models_asked(run: StageRun, words: Generate | Evaluate) -> Iterator[LoadedModel]:
    """Load the checkpoints that a stage asks for, one at a time.

    Raises:
        StageError: one of them is missing or damaged, or vLLM cannot answer by it.

    """
    execution = answering(run)
    threads, engine = execution.threads, execution.engine
    for label in labels_asked(run, words):
        folder = model_folder(run, words.model, label=label)
        loaded = load_model(label, folder, precision=words.precision, threads=threads)
        run.ran_with(**device_class(loaded.device), engine=engine)
        with (
            opened(folder, label, precision=words.precision, context=loaded.context)
            if engine == "vllm"
            else nullcontext()
        ) as vllm:
            yield replace(loaded, vllm=vllm)


def load_model(label: str, folder: Path, *, precision: str, threads: int) -> LoadedModel:
    """Load a model folder, whole or not at all.

    Raises:
        StageError: `ModelDamaged`: files are missing or unreadable, or do not fit each other.

    """
    torch.set_num_threads(threads)
    library: Any = transformers_logging
    library.set_verbosity_error()
    library.disable_progress_bar()
    model, tokenizer = load_weights(folder, label, precision=precision), load_tokenizer(folder, label)
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise damaged(f"model {label}", f"a tokenizer of {len(tokenizer)} tokens over {rows} embeddings")
    return LoadedModel(
        label=label,
        model=model.eval().requires_grad_(requires_grad=False).to(device_here()),
        tokenizer=tokenizer,
        context=getattr(model.config, "max_position_embeddings", None) or _UNLIMITED,
    )
