"""Messages as tokens: a number below 2^61 for each token, twice, and the bytes that it stands for.

Words are what white space separates, as `str.split` has it. One of up to seven bytes is numbered by these and their count, a
longer one by hashing its bytes at two points. A tokenizer's tokens are numbered by their ids, whatever the size of its
vocabulary. Each message is tokenized by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.substrings.field import Points, plus, times
from assay_pipelines.clean.table import Bytes, Ints
from assay_pipelines.clean.tokenizer import encoded
from assay_pipelines.clean.utf8 import utf8
from assay_pipelines.clean.white_space import white_space

Numbers = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int32]

_0, _1, _3, _7, _56, _63 = (np.uint64(number) for number in (0, 1, 3, 7, 56, 63))
_PACK = np.uint64(0x0102040810204080)  # times it, the low bits of eight bytes stand at the top
_TWOS = np.uint64(0x0202020202020202)


@dataclass(frozen=True)
class Marks:
    """Where the tokens of some messages stand, one message after another."""

    data: Bytes  # the messages' text, and zeros behind it
    offsets: Ints  # where in it each message begins; one more than there are
    places: Ints | Places  # tokens × 2: where in it each begins and ends
    bounds: Ints  # where the tokens of each message begin; one more than there are messages


@dataclass(frozen=True)
class Tokens:
    """The tokens of some messages."""

    values: Numbers  # 2 × tokens
    bounds: Ints  # as those of `Marks`


def tokens_of(contents: pa.Array, points: Points, tokenizer: str | None) -> Tokens:
    """Tokenize messages: into words, or by a tokenizer given as the JSON of its file."""
    if tokenizer is not None:
        ids, _, bounds = _encoded(contents, tokenizer)
        return Tokens(np.stack([ids, ids]), bounds)
    offsets, data = _buffers(contents)
    places, bounds = _words(offsets, data)
    values = np.empty((2, len(places)), np.uint64)
    one, two = (np.uint64(point) for point in points.word)
    _number(data.view(np.uint64), places, one, two, values)
    return Tokens(values, bounds)


def marks_of(contents: pa.Array, tokenizer: str | None) -> Marks:
    """Tokenize messages as `tokens_of` does, and number no words."""
    offsets, data = _buffers(contents)
    if tokenizer is None:
        return Marks(data, offsets, *_words(offsets, data))
    _, characters, bounds = _encoded(contents, tokenizer)
    begins = np.flatnonzero((data & 0xC0) != 0x80)  # of characters; the zeros behind the text are some too
    before = np.searchsorted(begins, offsets[:-1])
    return Marks(data, offsets, begins[np.repeat(before, np.diff(bounds))[:, None] + characters], bounds)


def _buffers(contents: pa.Array) -> tuple[Ints, Bytes]:
    """Copy the text of an array, and 64 zeros or more behind it: where each string begins, and all bytes."""
    places, data = utf8(contents)
    size = int(places[-1] - places[0])
    text = np.empty((size // 64 + 2) * 64, np.uint8)
    text[:size], text[size:] = data[places[0] : places[-1]], 0
    return places.astype(np.int64) - int(places[0]), text


def _words(offsets: Ints, data: Bytes) -> tuple[Places, Ints]:
    """Return where each word begins and ends among all bytes, and where the words of each message begin."""
    most = (len(data) + len(offsets)) // 2  # a word and a space are two bytes at least
    places = np.empty((most, 2), np.int32)
    bounds = np.zeros(len(offsets), np.int64)
    blank, bits = np.empty(len(data), np.uint8), np.empty(len(data) // 64, np.uint64)
    _mark_blanks(data, blank, blank.view(np.uint64))
    _pack(blank.view(np.uint64), bits)
    count = _split(bits, offsets, places.reshape(-1), bounds)
    return places[:count], bounds


@compiled
def _mark_blanks(data: Bytes, blank: Bytes, eights: Numbers) -> None:
    """Mark the bytes of white space by 1, all others by 0. `eights` are the marks as numbers of eight bytes."""
    for place in range(len(data)):
        byte = data[place]
        perhaps = 0xC2 <= byte <= 0xE3
        blank[place] = perhaps * 2 + (byte == 0x20 or 0x09 <= byte <= 0x0D or 0x1C <= byte <= 0x1F)
    for eight in range(len(eights)):
        if eights[eight] & _TWOS:
            for place in range(8 * eight, 8 * eight + 8):
                if blank[place] == 2:
                    blank[place] = 0
                    for other in range(white_space(data, place)):
                        blank[place + other] = 1


@compiled
def _pack(marks: Numbers, bits: Numbers) -> None:
    """Make one bit of each mark; eight marks come as one number."""
    for word in range(len(bits)):
        packed = _0
        for part in range(8):
            packed |= ((marks[8 * word + part] * _PACK) >> _56) << np.uint64(8 * part)
        bits[word] = packed


def _trailing(_context: Any, _bits: Any) -> Any:
    def build(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), build


_lowest = cast("Callable[[np.uint64], int]", intrinsic(_trailing))
"""The place of the lowest bit that is set: one instruction, for which numba has no name."""


@compiled
def _split(blank: Numbers, offsets: Ints, places: Places, bounds: Ints) -> int:
    """Write where words begin and end, and return how many there are. `blank` has a bit for each byte."""
    edges = 0
    for message in range(len(offsets) - 1):
        before = _1
        for place in range(offsets[message], offsets[message + 1], 64):
            word, shift = place >> 6, np.uint64(place & 63)
            bits = (blank[word] >> shift) | ((blank[word + 1] << _1) << (_63 - shift))
            left = offsets[message + 1] - place
            if left < 64:
                bits |= ~_0 << np.uint64(left)
            changes = bits ^ ((bits << _1) | before)
            before = bits >> _63
            while changes:
                places[edges] = place + _lowest(changes)
                edges += 1
                changes &= changes - _1
        if not before:
            places[edges] = offsets[message + 1]
            edges += 1
        bounds[message + 1] = edges // 2
    return edges // 2


@compiled
def _number(data: Numbers, places: Places, base_one: np.uint64, base_two: np.uint64, values: Numbers) -> None:
    """Number words. A long word's polynomial has its bytes, seven by seven, as coefficients, and its length as the last.

    `data` is the text as little-endian numbers of eight bytes.
    """
    for word in range(len(places)):
        place, left = np.uint64(places[word, 0]), np.uint64(places[word, 1] - places[word, 0])
        length, one, two = left, _0, _0
        while left > _7:
            chunk = _bytes(data, place, _7)
            one, two = times(plus(one, chunk), base_one), times(plus(two, chunk), base_two)
            left -= _7
            place += _7
        chunk = _bytes(data, place, left)
        if length > _7:
            one, two = times(plus(one, chunk), base_one), times(plus(two, chunk), base_two)
            values[0, word], values[1, word] = plus(one, length), plus(two, length)
        else:
            values[0, word] = values[1, word] = chunk | length << _56


@compiled
def _bytes(data: Numbers, place: np.uint64, count: np.uint64) -> np.uint64:
    """Return up to seven bytes as a number."""
    eight, shift = place >> _3, (place & _7) << _3
    chunk = (data[eight] >> shift) | ((data[eight + _1] << _1) << (_63 - shift))
    kept: np.uint64 = chunk & ((_1 << (count << _3)) - _1)
    return kept


def _encoded(contents: pa.Array, tokenizer: str) -> tuple[Numbers, Ints, Ints]:
    """Return the ids of tokens, their first characters and those behind their last, and where each message's begin."""
    encodings = encoded(contents.to_pylist(), tokenizer)
    lengths = np.fromiter((len(encoding) for encoding in encodings), np.int64, len(encodings))
    bounds = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    ids, characters = np.empty(bounds[-1], np.uint64), np.empty((bounds[-1], 2), np.int64)
    for encoding, start, stop in zip(encodings, bounds[:-1], bounds[1:], strict=True):
        if start < stop:
            ids[start:stop], characters[start:stop] = encoding.ids, encoding.offsets
    return ids, characters, bounds
