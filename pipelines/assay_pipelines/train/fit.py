"""Whether a training fits into the memory of its GPUs, by arithmetic, and which ZeRO stage it therefore takes.

Bytes of each weight: 4 for itself, 4 for its gradient, 8 for AdamW's averages; of which ZeRO 1 parts the averages among all
processes, 2 the gradients too, 3 the weights too (Rajbhandari et al. 2020, §5, with weights in fp32, which autocast reads). In
bf16 a copy of 2 stays while a micro-batch is computed. Bytes of each token of a micro-batch: 34 times the width in every
layer (Korthikanti et al. 2022, §4.1, without attention's scores, which no kernel here keeps), twice that in fp32; when
activations are computed again, 2 times the width in every layer and one layer whole; and 10 per entry of the vocabulary.

Whatever the stage, a process holds all weights on its GPU for a moment at the start, before ZeRO 3 parts them.
"""

from dataclasses import dataclass
from typing import Any

_HEADROOM = 0.85  # of a GPU's memory: the rest is the allocator's, NCCL's and what DeepSpeed gathers
_SHARED = {"weights": 3, "gradients": 2, "averages": 1}  # the ZeRO stage from which on each is parted


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a training asks of each process's memory."""

    parameters: int
    learned: int  # of them; the others have neither gradients nor averages
    layers: int
    width: int
    vocabulary: int
    tokens: int  # of a micro-batch
    half: bool  # computes in bf16
    again: bool  # computes activations again in the backward pass

    @classmethod
    def of(cls, model: Any, *, tokens: int, half: bool, again: bool) -> "Load":
        """Read a model and its configuration."""
        weights = list(model.parameters())
        return cls(
            parameters=sum(weight.numel() for weight in weights),
            learned=sum(weight.numel() for weight in weights if weight.requires_grad),
            layers=model.config.num_hidden_layers,
            width=model.config.hidden_size,
            vocabulary=model.config.vocab_size,
            tokens=tokens,
            half=half,
            again=again,
        )

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
        load["logits"] = 10.0 * self.tokens * self.vocabulary
        return load


def least_stage(load: Load, *, world: int, memory: int | None) -> int:
    """Return the least ZeRO stage at which a training fits into GPUs of so many bytes, or 3; 0 where there is no GPU."""
    if memory is None or world == 1:
        return 0
    fits = (stage for stage in range(4) if sum(load.bytes_at(stage, world).values()) <= memory * _HEADROOM)
    return next(fits, 3)
