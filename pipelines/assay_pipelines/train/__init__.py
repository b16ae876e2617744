"""The train program: a model learns from chats.

What a training is: `examples` (chats as tokens, and which of them are learned) → `timetable`
(which rows at which step, at which rate, and when a model is kept), all pure and the same on every process. How it is
carried out: `launch` (processes), `engine` (DeepSpeed), `loop` (steps), `folders` (models on disk).

Importing this package decides what the libraries below it read from the environment when they are imported themselves:
no network, no compiler, no thread pools before a fork, and nothing written outside the temporary folder.
"""

import os
import tempfile
from pathlib import Path

from assay_pipelines.offline import stay_offline

_CACHE = Path(tempfile.gettempdir()) / f"assay-cache-{os.getuid()}"

_SETTINGS = {
    "OPENBLAS_NUM_THREADS": "1",  # numpy's pool would start at import, and not survive a fork
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",  # asking whether there is a GPU must not claim it before a fork
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # deterministic matrix products
    "TRITON_CACHE_DIR": str(_CACHE / "triton"),
    "TORCH_EXTENSIONS_DIR": str(_CACHE / "torch-extensions"),
    "TORCHINDUCTOR_CACHE_DIR": str(_CACHE / "torch-inductor"),
    "XDG_CACHE_HOME": str(_CACHE / "xdg"),
    "MPLCONFIGDIR": str(_CACHE / "matplotlib"),
    "TORCHDYNAMO_DISABLE": "1",  # nothing is compiled here; DeepSpeed's ZeRO would load all of inductor for nothing
    "DEEPSPEED_LOG_LEVEL": "error",
}


def _settle() -> None:
    stay_offline()
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    if not os.access(os.environ.get("HOME", "/nowhere"), os.W_OK):
        os.environ["HOME"] = str(_CACHE)
    if "DS_ACCELERATOR" not in os.environ and not Path("/dev/nvidiactl").exists():
        os.environ["DS_ACCELERATOR"] = "cpu"  # else DeepSpeed looks for one, at length


_settle()
