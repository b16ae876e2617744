"""Whether a training fits into the memory of its GPUs, by arithmetic, and which ZeRO stage it therefore takes.

Bytes of each weight: 4 for itself, 4 for its gradient, 8 for AdamW's averages; of which ZeRO 1 parts the averages among all
processes, 2 the gradients too, 3 the weights too (Rajbhandari et al. 2020, §5, with weights in fp32, which autocast reads). In
bf16 a copy of 2 stays while a micro-batch is computed. Bytes of each token of a micro-batch: 34 times the width in every
layer (Korthikanti et al. 2022, §4.1, without attention's scores, which no kernel here keeps), twice that in fp32; when
activations are computed again, 2 times the width in every layer and one layer whole. Bytes of each logit that exists at a time: 10.

Whatever the stage, a process holds all weights on its GPU for a moment at the start, before ZeRO 3 parts them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from assay.api.execution import TrainExecution
from assay.api.train import Train

HEADROOM = 0.85  # of a GPU's memory: the rest is the allocator's, NCCL's and what DeepSpeed gathers
ZERO_STAGES = (0, 1, 2, 3)
LOGITS = 1 << 27  # that exist at a time on a GPU where they are made for some tokens at a time
# Models whose logits are the output matrix times the last hidden state and nothing more, so that they can be.
PLAIN = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma"})
_SHARED = {"weights": 3, "gradients": 2, "averages": 1}  # the ZeRO stage from which on each is parted

_PRODUCT, _MEMORY = "nvidia.com/gpu.product", "nvidia.com/gpu.memory"  # labels by GPU Feature Discovery
_GIB = 1 << 30
_LEFT = 0.98  # of what a product's name says: the driver takes the rest
_KNOWN = {  # GiB that a program finds, of products whose names do not say
    "T4": 14.6,
    "L4": 22.0,
    "A10": 22.0,
    "A10G": 22.0,
    "L40S": 44.4,
    "H100 NVL": 93.1,
    "GH200": 94.5,
    "H200": 139.8,
    "B200": 178.0,
}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a training asks of each process's memory."""

    parameters: int
    learned: int  # of them; the others have neither gradients nor averages
    layers: int
    width: int
    tokens: int  # of a micro-batch
    logits: int  # that exist at a time
    half: bool  # computes in bf16
    again: bool  # computes activations again in the backward pass

    def bytes_at(self, stage: int, world: int) -> dict[str, float]:
        """Return the bytes of each process at a ZeRO stage, by what they are for."""
        whole = {
            "weights": 4.0 * self.parameters,
            "gradients": 4.0 * self.learned,
            "averages": 8.0 * self.learned,
        }
        load = {name: size / (world if stage >= _SHARED[name] else 1) for name, size in whole.items()}
        if self.half:
            load["copies in bf16"] = 2.0 * self.parameters / (world if stage == 3 else 1)
        kept, size = (2 * self.layers + 34 if self.again else 34 * self.layers), 1 if self.half else 2
        load["activations"] = float(self.tokens * self.width * kept * size)
        load["logits"] = 10.0 * self.logits
        return load

    def fits(self, stage: int, *, world: int, memory: float) -> bool:
        """Say whether it fits GPUs of so many bytes at a ZeRO stage, its start included."""
        most = max(sum(self.bytes_at(stage, world).values()), 4.0 * self.parameters)
        return most <= memory * HEADROOM


def least_stage(load: Load, *, world: int, memory: float | None) -> int:
    """Return the least ZeRO stage at which a training fits into GPUs of so many bytes, or 3; 0 where there is no GPU."""
    if memory is None or world == 1:
        return 0
    return next((stage for stage in ZERO_STAGES if load.fits(stage, world=world, memory=memory)), 3)


def tokens_at_once(train: Train, execution: TrainExecution) -> int:
    """Return the most tokens of a micro-batch: of sequenceLength, whatever the rows are, so that all arms take the same ZeRO stage."""
    lines = execution.micro_batch * (2 if train.objective == "dpo" else 1)
    return lines * train.sequence_length


def logits_at_once(train: Train, tokens: int, *, kind: str, vocabulary: int) -> int:
    """Return the most logits that exist at a time, of so many tokens and a model of this type (`model_type`)."""
    every = tokens * vocabulary
    return min(every, LOGITS) if kind in PLAIN and train.objective != "dpo" else every


def gpu_memory(selector: Mapping[str, str]) -> float | None:
    """Return the bytes of a GPU on nodes with these labels, by its memory or its product's name; None where they do not say."""
    if found := re.fullmatch(r"\d+", selector.get(_MEMORY, "")):
        return float(found[0]) * (1 << 20)
    words = f" {gpu_name(selector).replace('-', ' ')} "
    if part := re.search(r" MIG \w+\.(\d+)gb", words):
        return float(part[1]) * _LEFT * _GIB
    if known := next((gib for name, gib in _KNOWN.items() if f" {name} " in words), None):
        return known * _GIB
    told = re.search(r" (\d+)GB ", words)
    return float(told[1]) * _LEFT * _GIB if told else None


def gpu_name(selector: Mapping[str, str], otherwise: str = "GPU") -> str:
    """Return the product's name, as the label says it."""
    return selector.get(_PRODUCT, otherwise)
