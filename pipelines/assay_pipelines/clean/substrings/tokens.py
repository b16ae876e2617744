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
from assay_pipelines.clean.utf8 import utf8
from assay_pipelines.clean.white_space import perhaps_white_space, white_space

Numbers = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int32]

_BLANK = np.uint64(sum(1 << code for code in range(64) if chr(code).isspace()))  # a bit for each
_1, _3, _7, _63 = (np.uint64(number) for number in (1, 3, 7, 63))


@dataclass(frozen=True)
class Marks:
    """Where the tokens of some messages stand, one message after another."""

    begin: Places  # the first character, counted in its message
    end: Places  # the character behind the last
    bounds: Ints  # where the tokens of each message begin; one more than there are messages


@dataclass(frozen=True)
class Tokens(Marks):
    """The tokens of some messages."""

    values: Numbers  # 2 × tokens


def marks_of(contents: pa.Array, tokenizer: str | None) -> Marks:
    """Tokenize messages as `tokens_of` does, and number no words."""
    return _words(contents)[0] if tokenizer is None else _encoded(contents, tokenizer)


def tokens_of(contents: pa.Array, points: Points, tokenizer: str | None) -> Tokens:
    """Tokenize messages: into words, or by a tokenizer given as the JSON of its file."""
    if tokenizer is not None:
        return _encoded(contents, tokenizer)
    marks, data, places = _words(contents)
    values = np.empty((2, len(places)), np.uint64)
    one, two = (np.uint64(point) for point in points.word)
    _hashed(data.view(np.uint64), places, one, two, values)
    return Tokens(marks.begin, marks.end, marks.bounds, values)


def _words(contents: pa.Array) -> tuple[Marks, Bytes, Places]:
    """Return where words stand; also all text, and where in it each word begins and ends."""
    offsets, data = _buffers(contents)
    most = (len(data) + len(contents) + 1) // 2  # a word and a space are two bytes at least
    places, characters = (np.empty((most + 1, 2), np.int32) for _ in range(2))
    bounds = np.zeros(len(contents) + 1, np.int64)
    count = _split(data, offsets, places.reshape(-1), characters.reshape(-1), bounds)
    return Marks(characters[:count, 0], characters[:count, 1], bounds), data, places[:count]


def _buffers(contents: pa.Array) -> tuple[Ints, Bytes]:
    """Copy the text of an array, and 9 to 16 zeros behind it: where each string begins, and all bytes."""
    places, data = utf8(contents)
    size = int(places[-1] - places[0])
    text = np.zeros((size // 8 + 2) * 8, np.uint8)
    text[:size] = data[places[0] : places[-1]]
    return places.astype(np.int64) - int(places[0]), text


@compiled
def _split(data: Bytes, offsets: Ints, places: Places, characters: Places, bounds: Ints) -> int:
    """Find where the words of each message begin and end, by bytes and by characters, and return their number.

    Both are written at every byte, and the next overwrites them if no word begins or ends there: nothing branches on it.
    """
    edges = 0
    for message in range(len(offsets) - 1):
        outside = True
        behind = blank_until = offsets[message]
        for place in range(offsets[message], offsets[message + 1]):
            byte = data[place]
            places[edges], characters[edges] = place, place - behind
            blank = (_BLANK >> np.uint64(min(byte, np.uint8(63)))) & _1 != 0
            if byte >= 0x80:
                if perhaps_white_space(byte):
                    blank_until = max(blank_until, place + white_space(data, place))
                blank = place < blank_until
                behind += byte & 0xC0 == 0x80
            edges += blank != outside
            outside = blank
        if not outside:
            stop = offsets[message + 1]
            places[edges], characters[edges] = stop, stop - behind
            edges += 1
        bounds[message + 1] = edges // 2
    return edges // 2


@compiled
def _hashed(data: Numbers, places: Places, base_one: np.uint64, base_two: np.uint64, values: Numbers) -> None:
    """Number words. A word's polynomial has its bytes, seven by seven, as coefficients, and its length as the last.

    `data` is the text as little-endian numbers of eight bytes.
    """
    for word in range(len(places)):
        place, left = np.uint64(places[word, 0]), np.uint64(places[word, 1] - places[word, 0])
        length, one, two = left, np.uint64(0), np.uint64(0)
        while True:
            eight, shift = place >> _3, (place & _7) << _3
            chunk = (data[eight] >> shift) | ((data[eight + _1] << _1) << (_63 - shift))
            taken = min(left, _7)
            chunk &= (_1 << (taken << _3)) - _1
            one, two = times(plus(one, chunk), base_one), times(plus(two, chunk), base_two)
            left -= taken
            if not left:
                break
            place += taken
        values[0, word], values[1, word] = plus(one, length), plus(two, length)


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
