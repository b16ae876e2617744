"""How fast GPUs are at most, by their names."""

_PEAK = {  # operations per second, dense bf16, from NVIDIA's data sheets
    "A100": 312e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "H200": 989e12,
    "B200": 2250e12,
    "L40S": 362e12,
    "A10": 125e12,
    "L4": 121e12,
}


def peak_of(gpu: str) -> float | None:
    """Return the peak of a GPU by its name, such as `NVIDIA A100-SXM4-80GB`; None of one that is not known, or is a part of one."""
    words = f" {plain_name(gpu)} "
    if " MIG " in words:
        return None
    return next((peak for name, peak in _PEAK.items() if f" {name} " in words), None)


def plain_name(gpu: str) -> str:
    """Return a GPU's name as torch and node labels would both spell it if neither wrote hyphens."""
    return gpu.replace("-", " ")
