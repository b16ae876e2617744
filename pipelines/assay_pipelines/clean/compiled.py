"""Functions compiled to machine code by numba, for loops over words and hashes that no array operation expresses.

Compiled at the first call and kept on disk beside the module (or below the home folder where that is read-only), so a
machine compiles once. Importing numba takes about a second: only what needs it imports this.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_F = TypeVar("_F", bound=Callable[..., Any])


def compiled(function: _F) -> _F:
    """Compile a function of numbers and arrays; division by zero gives what numpy gives."""
    return cast("_F", njit(cache=True, nogil=True, error_model="numpy")(function))
