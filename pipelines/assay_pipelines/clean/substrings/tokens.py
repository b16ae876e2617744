"""Messages as tokens: a number below 2^61 for each token, twice, and the characters that it stands for.

Words are what white space separates, as `str.split` has it, and are numbered by hashing their bytes at two points. A tokenizer's
tokens are numbered by their ids, whatever the size of its vocabulary. Each message is tokenized by itself.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.substrings.field import Points, plus, times
from assay_pipelines.clean.table import Bytes, Ints
from assay_pipelines.clean.tokenizer import encoded
from assay_pipelines.clean.white_space import perhaps_white_space, white_space

Numbers = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int32]

_CHUNK = 7  # bytes that are one coefficient: fewer than 61 bits
_8 = np.uint64(8)


@dataclass(frozen=True)
class Tokens:
    """The tokens of some messages, one message after another."""

    values: Numbers  # 2 × tokens
    begin: Places  # the first character, counted in its message
    end: Places  # the character behind the last
    bounds: Ints  # where the tokens of each message begin; one more than there are messages


def tokens_of(contents: pa.Array, points: Points, tokenizer: str | None) -> Tokens:
    """Tokenize messages: into words, or by a tokenizer given as the JSON of its file."""
    return _words(contents, points) if tokenizer is None else _encoded(contents, tokenizer)


def _words(contents: pa.Array, points: Points) -> Tokens:
    offsets, data = _buffers(contents)
    most = (
        int(offsets[-1] - offsets[0]) + len(contents) + 1
    ) // 2  # a word and a space are two bytes at least
    values = np.empty((2, most), np.uint64)
    begin, end = np.empty(most, np.int32), np.empty(most, np.int32)
    bounds = np.zeros(len(contents) + 1, np.int64)
    one, two = (np.uint64(point) for point in points.word)
    count = _split(data, offsets, one, two, values, begin, end, bounds)
    return Tokens(values=values[:, :count], begin=begin[:count], end=end[:count], bounds=bounds)


def _buffers(contents: pa.Array) -> tuple[Ints, Bytes]:
    """View the text of an array: where each string begins, and all bytes."""
    if not len(contents):
        return np.zeros(1, np.int64), np.empty(0, np.uint8)
    _, offsets, data = contents.buffers()
    places = np.frombuffer(offsets, np.int32)[contents.offset : contents.offset + len(contents) + 1]
    return places.astype(np.int64), np.frombuffer(data or b"", np.uint8)


@compiled
def _split(  # noqa: PLR0913, PLR0917 -- a kernel writes into arrays that it is given
    data: Bytes,
    offsets: Ints,
    base_one: np.uint64,
    base_two: np.uint64,
    values: Numbers,
    begin: Places,
    end: Places,
    bounds: Ints,
) -> int:
    """Find the words of each message, and return their number.

    A word's polynomial has its bytes, seven by seven, as coefficients, and its length as the last.
    """
    count = 0
    for message in range(len(offsets) - 1):
        place, stop, character = offsets[message], offsets[message + 1], 0
        while place < stop:
            start, blank = place, 0
            one, two, chunk, filled = np.uint64(0), np.uint64(0), np.uint64(0), 0
            begin[count] = character
            while place < stop:
                byte = data[place]
                if perhaps_white_space(byte):
                    blank = white_space(data, place)
                    if blank:
                        break
                chunk = (chunk << _8) | np.uint64(byte)
                filled += 1
                if filled == _CHUNK:
                    one, two = times(plus(one, chunk), base_one), times(plus(two, chunk), base_two)
                    chunk, filled = np.uint64(0), 0
                character += byte & 0xC0 != 0x80
                place += 1
            if place > start:
                length = np.uint64(place - start)
                values[0, count] = plus(times(plus(one, chunk), base_one), length)
                values[1, count] = plus(times(plus(two, chunk), base_two), length)
                end[count] = character
                count += 1
            if blank:
                place += blank
                character += 1
        bounds[message + 1] = count
    return count


def _encoded(contents: pa.Array, tokenizer: str) -> Tokens:
    encodings = encoded(contents.to_pylist(), tokenizer)
    lengths = np.fromiter((len(encoding) for encoding in encodings), np.int64, len(encodings))
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    ids, offsets = np.empty(bounds[-1], np.uint64), np.empty((bounds[-1], 2), np.int32)
    for encoding, start, stop in zip(encodings, bounds[:-1], bounds[1:], strict=True):
        if start < stop:
            ids[start:stop], offsets[start:stop] = encoding.ids, encoding.offsets
    begin, end = (np.ascontiguousarray(offsets[:, side]) for side in (0, 1))
    return Tokens(values=np.stack([ids, ids]), begin=begin, end=end, bounds=bounds)
