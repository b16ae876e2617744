"""Normalised words of many texts at once, and hashes of n of them in a row.

Words are runs of letters and digits in small letters; punctuation and white space only part them, and a character of
Chinese or Japanese is a word by itself. ASCII goes through a table of bytes, in place; other texts are first brought to
NFKC, case-folded, and given spaces for what is no word. Hashes are of 64 bits and the same everywhere; who must be sure
compares the words themselves.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from assay_pipelines.clean.rows import Hashes, mixed
from assay_pipelines.clean.table import Ints

_SPACE = ord(" ")
_TABLE = bytes(
    byte if byte >= 128 else ord(chr(byte).lower()) if chr(byte).isalnum() else _SPACE for byte in range(256)
)
_PARTS = re.compile(r"[\W_]+|(?<=[\u3040-\u30ff\u3400-\u9fff])|(?=[\u3040-\u30ff\u3400-\u9fff])")
_LONGEST = 1024  # the places in a word that are told apart
_BASE, _STRIDE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True)
class Words:
    """The words of some texts, one after another."""

    data: bytes  # normalised, words parted by spaces
    starts: Ints  # where in data each word starts, and ends
    ends: Ints
    text: Ints  # which text each word is of, ascending

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        """Normalise texts and find their words."""
        encoded = [_folded(text).encode(errors="surrogatepass") for text in texts]
        data = b" ".join(encoded).translate(_TABLE)
        inside = np.zeros(len(data) + 2, np.bool_)
        inside[1:-1] = np.frombuffer(data, np.uint8) != _SPACE
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        lengths = np.fromiter((len(item) + 1 for item in encoded), np.int64, len(encoded))
        return cls(
            data=data,
            starts=edges[::2],
            ends=edges[1::2],
            text=np.searchsorted(np.cumsum(lengths), edges[::2], side="right"),
        )

    def __len__(self) -> int:
        return len(self.starts)

    def said(self, first: int, number: int) -> list[bytes]:
        """Return some words in a row."""
        if not number:
            return []
        return self.data[self.starts[first] : self.ends[first + number - 1]].split()

    @cached_property
    def hashes(self) -> Hashes:
        """One hash per word."""
        if not len(self):
            return np.empty(0, np.uint64)
        lengths = self.ends - self.starts
        begins = np.cumsum(lengths) - lengths
        letters = np.frombuffer(self.data.replace(b" ", b""), np.uint8).astype(np.uint64)
        place = np.arange(len(letters)) - np.repeat(begins, lengths)
        with np.errstate(over="ignore"):
            return mixed(np.add.reduceat((letters + np.uint64(1)) * _POWERS[place % _LONGEST], begins))

    def ngrams(self, length: int) -> tuple[Ints, Hashes]:
        """Return at which words n words of one text begin, and their hashes."""
        count = len(self) - length + 1
        if count <= 0:
            return np.empty(0, np.int64), np.empty(0, np.uint64)
        first = np.flatnonzero(self.text[:count] == self.text[length - 1 :])
        hashes = np.zeros(count, np.uint64)
        with np.errstate(over="ignore"):
            for place in range(length):
                hashes = hashes * _STRIDE + self.hashes[place : place + count]
        return first, hashes[first]


def _folded(text: str) -> str:
    if text.isascii():
        return text
    return _PARTS.sub(" ", unicodedata.normalize("NFKC", text).casefold())


def _powers() -> npt.NDArray[np.uint64]:
    powers = np.full(_LONGEST, _BASE)
    with np.errstate(over="ignore"):
        return np.multiply.accumulate(powers)


_POWERS = _powers()
