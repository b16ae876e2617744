"""The order in which a training learns rows, which a sample may follow: by hash of seed, pass and row id, and of nothing else.

So it depends on no library and no process, and rows that two data sets share come in the same relative order in both.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def order_of(ids: Sequence[str], seed: int, epoch: int) -> NDArray[np.int64]:
    """Order the rows of one pass by hash."""
    prefix = hashlib.sha256(f"assay.order/1 {seed} {epoch} ".encode())

    def place(index: int) -> bytes:
        state = prefix.copy()
        state.update(ids[index].encode())
        return state.digest()

    return np.array(sorted(range(len(ids)), key=place), dtype=np.int64)
