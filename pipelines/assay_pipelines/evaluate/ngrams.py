"""What a plain n-gram model of bytes makes of texts: what a model knows beyond it is more than which bytes follow which.

The model is Witten & Bell's (1991), interpolated: after a context h that was read N times and followed by T distinct bytes,

    p(c | h) = (count(h c) + T p(c | h without its first byte)) / (N + T)

and p(c | h) = p(c | h without its first byte) where N = 0; below the empty context every byte has 1/256. It gives every text a probability
whatever was read, and nothing in it is tuned. Kneser & Ney's discounts are estimated from how many n-grams were read once or twice,
which say nothing of so few symbols. Before every document stand zero bytes, and its end is not coded.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from assay_pipelines.evaluate.likelihood import Text
from assay_pipelines.outcomes import Measured

_Keys = NDArray[np.uint64]
_LAST = np.uint64(0xFF)  # the byte that is predicted; those before it are its context


def beside(measured: Measured, texts: Sequence[Text], learnt: Sequence[Text], *, order: int) -> Measured:
    """Say beside a model's bits per byte of texts what the n-gram model's are, having read others."""
    coded, read = (tuple(text.text for text in some) for some in (texts, learnt))
    figure = _bits_per_byte(coded, read, order)
    return replace(measured, beside={**measured.beside, "ngramBitsPerByte": figure})


@cache  # a process carries out one stage, whose checkpoints are mostly asked the same texts
def _bits_per_byte(texts: tuple[str, ...], learnt: tuple[str, ...], order: int) -> float:
    coded, read = ([text.encode() for text in some] for some in (texts, learnt))
    return coded_bits(coded, read, order=order) / sum(len(text) for text in coded)


def coded_bits(texts: Sequence[bytes], learnt: Sequence[bytes], *, order: int) -> float:
    """Return how many bits the model of n-grams up to `order` bytes takes for all of `texts`, having read `learnt`.

    An n-gram stands in one number of 64 bits, so that the order is at most 8.
    """
    read, asked = _Places(learnt, order), _Places(texts, order)
    likely = np.full(asked.count, 1 / 256)
    for length in range(1, order + 1):
        grams, counts = np.unique(read.grams(length), return_counts=True)
        totals = np.concatenate([[0], counts.cumsum()])
        wanted = asked.grams(length)
        first = np.searchsorted(grams, wanted & ~_LAST, side="left")
        end = np.searchsorted(grams, wanted | _LAST, side="right")
        seen = totals[end] - totals[first]
        here = totals[np.searchsorted(grams, wanted, side="right")] - totals[np.searchsorted(grams, wanted)]
        kinds = end - first
        known = seen > 0
        likely[known] = (here + kinds * likely)[known] / (seen + kinds)[known]
    return float(-np.log2(likely).sum())


class _Places:
    """Every byte of some documents, and the bytes before it."""

    def __init__(self, documents: Sequence[bytes], order: int) -> None:
        before = bytes(order - 1)
        self._bytes = np.frombuffer(b"".join(before + one for one in documents), dtype=np.uint8)
        lengths = np.array([len(one) for one in documents], dtype=np.intp)
        skipped = (np.arange(len(documents)) + 1) * (order - 1)
        self._at = np.arange(lengths.sum()) + np.repeat(skipped, lengths)
        self.count = len(self._at)

    def grams(self, length: int) -> _Keys:
        """Return each byte with those before it, so many together, as numbers that sort by context and then by byte."""
        keys = np.zeros(self.count, dtype=np.uint64)
        for back in range(length):
            keys |= self._bytes[self._at - back].astype(np.uint64) << np.uint64(8 * back)
        return keys
