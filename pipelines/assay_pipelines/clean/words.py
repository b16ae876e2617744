"""Numbers of words of many texts at once: what white space parts, and each Chinese character and Japanese kana by itself.

Bytes of UTF-8 are marked as part of a word or not; a word begins at a marked byte behind one that is not, or at a text's begin. Of
what is not ASCII only the few characters matter that part words or are one.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assay_pipelines.clean.utf8 import utf8

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

Ranges = tuple[tuple[int, int], ...]  # first and last code point of each

ALONE: Ranges = (  # Chinese characters and Japanese kana: each is a word
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x20000, 0x323AF),
)
MARKS: Ranges = ((0x3000, 0x303F), (0xFF00, 0xFF65))  # their punctuation, which parts words

_IN_WORD, _PARTS, _ALONE = range(3)
_ASCII = 0x80
_LEAD = 0xC2  # the least byte that begins a character of several
_AT_ONCE = 1 << 18  # bytes: what is made of them stays in the processor's cache


def word_counts(texts: pa.Array) -> Ints:
    """Return how many words each text has; texts are not null."""
    if not len(texts):
        return np.empty(0, np.int64)
    places, all_bytes = utf8(texts)
    places = places.astype(np.int64)
    near = np.searchsorted(
        places, np.arange(places[0], places[-1], _AT_ONCE)
    )  # whole texts, about as many bytes
    cuts = np.unique([0, *near, len(texts)])
    parts = [
        _counted(all_bytes[places[begin] : places[end]], places[begin : end + 1] - places[begin])
        for begin, end in pairwise(cuts)
    ]
    return np.concatenate(parts)


def _counted(data: Bytes, places: Ints) -> Ints:
    """Count the words of texts that stand one behind another, each from its place to the next one's."""
    counts = np.zeros(len(places) - 1, np.int64)
    filled = np.flatnonzero(places[:-1] < places[1:])
    if not len(filled):
        return counts
    first = places[filled]
    apart = _parting(data)
    alone = _mark_wide(data, apart)
    begins = ~apart
    begins[1:] &= apart[:-1]
    begins[first] = ~apart[first]
    counts[filled] = np.add.reduceat(begins.view(np.uint8), first, dtype=np.uint32)
    return counts + np.diff(np.searchsorted(alone, places))


def _parting(data: Bytes) -> Bools:
    """Mark white space of ASCII; two bounds cost one comparison, since smaller bytes wrap to larger ones."""
    apart: Bools = (
        (data == ord(" ")) | (data - np.uint8(0x09) < 5) | (data - np.uint8(0x1C) < 4)
    )  # to 0x0D, to 0x1F
    return apart


def _mark_wide(data: Bytes, apart: Bools) -> Ints:
    """Mark the bytes of parting characters that are not ASCII; returns where those that are a word by themselves begin."""
    if data.max() < _LEAD:
        return np.empty(0, np.int64)
    leads: Ints = np.flatnonzero(data >= _LEAD)
    leads = leads[_MATTERS[data[leads]]]
    kinds, width = np.empty(len(leads), np.uint8), np.empty(len(leads), np.int64)
    first = data[leads]
    for size, least in ((2, _LEAD), (3, 0xE0), (4, 0xF0)):
        chosen = np.flatnonzero((first >= least) & (first < (0xE0, 0xF0, 0x100)[size - 2]))
        code = first[chosen].astype(np.int64) & (0xFF >> (size + 1))
        for place in range(1, size):
            code = code << 6 | (data[leads[chosen] + place] & 0x3F)
        kinds[chosen], width[chosen] = _KINDS.take(code, mode="clip"), size
    wide = kinds != _IN_WORD
    leads, kinds, width = leads[wide], kinds[wide], width[wide]
    for place in range(4):
        apart[leads[width > place] + place] = True
    alone: Ints = leads[kinds == _ALONE]
    return alone


def _kinds() -> Bytes:
    """Say of each code point whether it is in a word, parts words, or is one; the last stands for all behind it."""
    kinds = np.full(ALONE[-1][1] + 2, _IN_WORD, np.uint8)
    kinds[[code for code in range(MARKS[0][0]) if chr(code).isspace()]] = _PARTS
    for ranges, kind in ((MARKS, _PARTS), (ALONE, _ALONE)):
        for first, last in ranges:
            kinds[first : last + 1] = kind
    return kinds


def _leads() -> Bools:
    """Say of each byte whether a character of several bytes begins with it that parts words or is one."""
    leads = np.zeros(256, np.bool_)
    leads[[chr(code).encode()[0] for code in np.flatnonzero(_KINDS != _IN_WORD) if code >= _ASCII]] = True
    return leads


_KINDS = _kinds()
_MATTERS = _leads()
