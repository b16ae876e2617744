"""Compiling kernels: numba, cached on disk beside the source, so that a machine compiles each once."""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(kernel: Kernel) -> Kernel:
    """Compile a function of numbers and arrays at its first call; it lets other threads run."""
    return cast("Kernel", numba.njit(cache=True, nogil=True)(kernel))
