"""How fast a training is and what memory it takes: figures about how it went, never about what was learned.

MFU is the share of the GPUs' peak that the model itself needs (Chowdhery et al. 2022, appendix B): tokens per second, times 6 operations
per weight that multiplies (all but a table of input embeddings) and 12 × layers × width × context for attention, over the
dense bf16 peak. Weights that a low-rank update leaves as they are take 4, as they get no gradient. Context is what an average token has: the sum of the examples' squared lengths over their tokens. What activation
checkpointing computes twice counts once.
"""

import resource
from typing import Any

import numpy as np
import torch

from assay.api.gpus import peak_of
from assay_pipelines.train.engine import Place
from assay_pipelines.train.examples import Examples

_GIB = 1 << 30


def operations_per_token(model: Any, examples: Examples, *, frozen: bool = False) -> float:
    """Return the floating-point operations of one token, forward and backward."""
    configuration = model.config
    tied = model.get_input_embeddings().weight is model.get_output_embeddings().weight
    weights = sum(weight.numel() for weight in model.parameters())
    table = 0 if tied else model.get_input_embeddings().weight.numel()
    lengths = np.diff(examples.offsets).astype(float)
    context = float((lengths**2).sum() / lengths.sum())
    attention: float = 12.0 * configuration.num_hidden_layers * configuration.hidden_size * context
    return (4.0 if frozen else 6.0) * float(weights - table) + attention


def speeds(tokens_per_second: float, operations: float, place: Place) -> dict[str, float]:
    """Return tokens per second of all processes, MFU where the GPU's peak is known, and this process's peak memory in GiB."""
    figures = {"tokensPerSecond": tokens_per_second, "peakMemoryGib": _memory() / _GIB}
    if place.device.type == "cuda":
        figures["peakGpuMemoryGib"] = torch.cuda.max_memory_allocated() / _GIB
        peak = peak_of(torch.cuda.get_device_name())
        if peak is not None:
            figures["mfu"] = tokens_per_second * operations / (peak * place.world)
    return figures


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
