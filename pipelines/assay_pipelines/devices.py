"""What a program computes on, which is part of its environment class, and how its memory ends."""

import torch

_NO_MEMORY = ("can't allocate memory", "not enough memory")  # as torch says it of a CPU's


def device_here() -> torch.device:
    """Return what models are put on."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_class(device: torch.device) -> dict[str, str]:
    """Name a GPU and the CUDA that torch was built with, or say that there is none."""
    if device.type != "cuda":
        return {"device": "cpu"}
    return {"device": torch.cuda.get_device_name(device), "cuda": str(torch.version.cuda)}


def ended_memory(error: RuntimeError) -> bool:
    """Whether there was too little memory, a GPU's or the machine's."""
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in _NO_MEMORY)
