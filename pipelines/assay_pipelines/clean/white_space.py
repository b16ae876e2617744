"""Where words end: white space in UTF-8, that of `str.isspace` and so of `str.split`."""

import numpy as np

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.table import Bytes

_WIDE = (0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)


@compiled
def perhaps_white_space(byte: np.uint8) -> bool:
    """Tell, quickly, bytes with which no white space begins."""
    return bool(byte <= 0x20 or 0xC2 <= byte <= 0xE3)


@compiled
def white_space(text: Bytes, at: int) -> int:
    """Return how many bytes the white space at a place of a text has, 0 if there is none. The text is whole."""
    first = text[at]
    if first < 0x80:
        return 1 if first == 0x20 or 0x09 <= first <= 0x0D or 0x1C <= first <= 0x1F else 0
    if first == 0xC2:
        return 2 if text[at + 1] in (0x85, 0xA0) else 0
    if first < 0xE1 or first > 0xE3:
        return 0
    code = (int(first) & 0xF) << 12 | (int(text[at + 1]) & 0x3F) << 6 | int(text[at + 2]) & 0x3F
    return 3 if 0x2000 <= code <= 0x200A or code in _WIDE else 0
