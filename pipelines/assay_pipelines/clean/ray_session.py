"""Ray for one stage: join the one that runs, or start a small one that ends with this process."""

import contextlib
import logging
import os

import ray
import ray.data

_GIB = 1 << 30
_STORE_SHARE = 0.4  # of a stage's memory, for blocks in shared memory; more goes to disk
_LEAST_STORE = 100 << 20
ADDRESS = "RAY_ADDRESS"


def connect(*, cpus: int, memory_gib: float) -> None:
    """Join the Ray that `RAY_ADDRESS` names, or start one of this size. Nothing happens when it is joined already."""
    _quiet()
    if not ray.is_initialized():
        if os.environ.get(ADDRESS):
            ray.init(log_to_driver=False, configure_logging=False)
        else:
            start(cpus=cpus, memory_gib=memory_gib)
    _set_up()


def start(*, cpus: int, memory_gib: float) -> str:
    """Start a Ray that fate-shares with this process, and return its address."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    context = ray.init(
        address="local",
        num_cpus=cpus,
        object_store_memory=max(_LEAST_STORE, int(memory_gib * _STORE_SHARE * _GIB)),
        include_dashboard=False,
        log_to_driver=False,
        configure_logging=False,
    )
    return str(context.address_info["address"])


def _quiet() -> None:
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _set_up() -> None:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False


def preload() -> None:
    """Called once by a server that forks a child per stage."""


_ = contextlib
