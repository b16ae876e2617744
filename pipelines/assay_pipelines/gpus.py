"""Which GPU a program computes on: part of its environment class."""

import torch


def gpu_of(device: torch.device) -> dict[str, str]:
    """Name a GPU and the CUDA that torch was built with; nothing for a CPU."""
    if device.type != "cuda":
        return {}
    return {"gpu": torch.cuda.get_device_name(device), "cuda": str(torch.version.cuda)}
