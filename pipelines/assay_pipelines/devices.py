"""What a program computes on: part of its environment class."""

import torch


def device_class(device: torch.device) -> dict[str, str]:
    """Name a GPU and the CUDA that torch was built with, or say that there is none."""
    if device.type != "cuda":
        return {"device": "cpu"}
    return {"device": torch.cuda.get_device_name(device), "cuda": str(torch.version.cuda)}
