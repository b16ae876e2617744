"""Low-rank updates of some matrices instead of training all weights (LoRA, Hu et al. 2021, arXiv 2106.09685), by peft.

The second factor of an update starts at zero, so training starts at the model as it is. Models are kept merged: folders look as
if all weights had been trained, and nothing that reads one knows the difference.
"""

from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model

from assay.api.train import Lora
from assay.errors import StageError

_NAME = "learned"
_BASE, _DOWN, _UP = ".base_layer.weight", f".lora_A.{_NAME}.weight", f".lora_B.{_NAME}.weight"


def add_adapters(model: Any, lora: Lora, name: str) -> None:
    """Freeze a model but for low-rank updates of its targets; the caller has seeded torch.

    Raises:
        StageError: `Unsupported`: a target is no linear layer of the model.

    """
    output = model.get_output_embeddings()
    linear = {
        path: module
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not output
    }
    kinds = sorted({path.rsplit(".", 1)[-1] for path in linear})
    unknown = [target for target in lora.targets or () if target not in kinds]
    if unknown or not kinds:
        raise StageError(
            "Unsupported",
            "spec.lora.targets",
            f"found {', '.join(unknown) or 'no linear layer'}, expected some of those of model {name}: {', '.join(kinds)}",
            "Change lora.targets.",
        )
    wanted = lora.targets or tuple(kinds)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # type: ignore[arg-type]  # any number will do
        target_modules=[path for path in linear if path.rsplit(".", 1)[-1] in wanted],
    )
    inject_adapter_in_model(config, model, adapter_name=_NAME)


def merged(weights: dict[str, torch.Tensor], lora: Lora) -> dict[str, torch.Tensor]:
    """Return weights by their names without adapters, each update added to its matrix."""
    whole = {}
    for name, weight in weights.items():
        if name.endswith((_DOWN, _UP)):
            continue
        if name.endswith(_BASE):
            layer = name.removesuffix(_BASE)
            update = weights[layer + _UP] @ weights[layer + _DOWN]
            whole[f"{layer}.weight"] = weight + lora.alpha / lora.rank * update
        else:
            whole[name.replace(".base_layer.", ".")] = weight
    return whole
