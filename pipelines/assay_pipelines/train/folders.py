"""Models on disk: Hugging Face folders that any program can load, the same bytes for the same training."""

from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from assay.api.train import Lora
from assay_pipelines.train.lora import merged
from assay_pipelines.train.vocabulary import Tokenizer


def save_model(
    folder: Path,
    model: Any,
    weights: dict[str, torch.Tensor],
    tokenizer: Tokenizer,
    *,
    lora: Lora | None = None,
) -> None:
    """Write a model of these weights, in full precision, with its tokenizer and template."""
    folder.mkdir(parents=True)
    model.save_pretrained(folder, state_dict=merged(weights, lora) if lora is not None else weights)
    tokenizer.fast.save_pretrained(folder)


def settle_configuration(model: Any, tokenizer: Tokenizer) -> None:
    """Make the configuration say what the tokenizer says, and answers end where they were taught to."""
    fast = tokenizer.fast
    tokens = {
        "bos_token_id": fast.bos_token_id,
        "eos_token_id": fast.eos_token_id,
        "pad_token_id": fast.pad_token_id if fast.pad_token_id is not None else fast.eos_token_id,
    }
    for name, value in tokens.items():
        setattr(model.config, name, value)
    model.config.use_cache = True
    model.config.dtype = torch.float32
    model.generation_config = GenerationConfig(**tokens)
