"""Keeps the Hugging Face libraries from the network, and from what a fork does not survive.

They read the environment when they are imported, so a program's package calls `stay_offline` before anything else. Only
a launcher whose profile allows the hub sets `HF_HUB_OFFLINE=0`.
"""

import os

_SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TQDM_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",  # its threads would not survive a fork
}


def stay_offline() -> None:
    """Set what the launcher has not set."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
