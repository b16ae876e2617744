"""Models on disk: Hugging Face folders that any program can load, the same bytes for the same training."""

from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig

from assay.api.train import Lora
from assay_pipelines.train.engine import Engine
from assay_pipelines.train.lora import merged
from assay_pipelines.train.vocabulary import Tokenizer


def save_model(  # noqa: PLR0913 -- all of a model
    folder: Path, model: Any, engine: Engine, tokenizer: Tokenizer, *, leads: bool, lora: Lora | None = None
) -> None:
    """Write the model as it is now, in full precision, with its tokenizer and template. Every process takes part."""
    weights = {name: weight.cpu() if leads else None for name, weight in engine.weights()}
    if not leads:
        return
    folder.mkdir(parents=True)
    state = {name: weight for name, weight in weights.items() if weight is not None}
    model.save_pretrained(folder, state_dict=merged(state, lora) if lora is not None else state)
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
