"""The bytes of texts, for what goes through them without making Python strings."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def utf8(texts: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """View the texts of an array, none of them null: where each begins, one more than there are, and the bytes."""
    if not len(texts):  # such an array may have no buffers
        return np.zeros(1, np.int32), np.empty(0, np.uint8)
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return places, np.frombuffer(data or b"", np.uint8)
