"""From chats to hashes of their words and of their shingles.

Words are separated by white space, as by `str.split`; a word never goes on in the next turn. A shingle is a run of `width`
words; a chat of fewer words has one shingle, all of it, which no longer chat can have. 64-bit hashes stand for words,
shingles and whole chats.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from assay_pipelines.chats import MESSAGES
from assay_pipelines.clean.compiled import compiled
from assay_pipelines.clean.rows import Hashes, among
from assay_pipelines.clean.table import Bytes, Chats, Ints
from assay_pipelines.clean.utf8 import utf8
from assay_pipelines.clean.white_space import perhaps_white_space, white_space

SHINGLED = pa.schema(
    [
        pa.field("row", pa.int64()),
        pa.field("whole", pa.uint64()),  # a hash of all words in their order
        pa.field("words", pa.int64()),  # their number
        pa.field("size", pa.int64()),  # the number of its shingles
        pa.field("shingles", pa.large_list(pa.uint64())),  # distinct, ascending
    ]
)
KNOWN = pa.schema([SHINGLED.field(name) for name in ("row", "whole", "words", "size")])
WORDED = pa.schema([pa.field("row", pa.int64()), pa.field("words", pa.large_list(pa.uint64()))])

Offsets = npt.NDArray[np.int32]

_BYTE = np.uint64(0x9FB21C651E98DF25)  # odd, without structure
_WORD = np.uint64(0xD6E8FEB86659FD93)
_WHOLE = np.uint64(0xA0761D6478BD642F)
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_ONE, _27, _30, _31, _32 = (np.uint64(number) for number in (1, 27, 30, 31, 32))


def words_of(chats: Chats) -> tuple[Hashes, Ints]:
    """Hash the words of each chat; returns the hashes, and where each chat's begin: one more than there are chats."""
    contents = chats.contents
    starts = np.zeros(len(chats) + 1, np.int64)
    places, data = utf8(contents)
    most = (int(places[-1] - places[0]) + len(contents)) // 2 + 1  # words: every other byte is white space
    words = np.empty(most, np.uint64)
    _hash_words(data, places, chats.starts, words, starts)
    return words[: starts[-1]], starts


def shingles_of(words: Hashes, starts: Ints, width: int) -> tuple[Hashes, Ints, Hashes]:
    """Hash the shingles of each chat. Returns the distinct ones, ascending within a chat; where each chat's begin; whole chats."""
    shingles = np.empty(len(words) + len(starts), np.uint64)
    places = np.empty(len(starts), np.int64)
    whole = np.empty(len(starts) - 1, np.uint64)
    _hash_shingles(words, starts, width, (shingles, places, whole))
    return shingles[: places[-1]], places, whole


def listed(values: Hashes, starts: Ints) -> pa.Array:
    """Make an array of lists."""
    return pa.LargeListArray.from_arrays(pa.array(starts), pa.array(values))


def flat(lists: pa.ChunkedArray) -> tuple[Hashes, Ints]:
    """Return the values of a column of lists, and where each list begins."""
    chunks = [chunk for chunk in lists.chunks if len(chunk)]
    lengths = [np.diff(chunk.offsets.to_numpy()) for chunk in chunks]
    starts = np.cumsum(np.concatenate([np.zeros(1, np.int64), *lengths]))
    values = [chunk.flatten().to_numpy() for chunk in chunks]
    return np.concatenate([np.empty(0, np.uint64), *values]), starts


def shingled(table: pa.Table, width: int, chosen: Ints) -> pa.Table:
    """Shingle the chosen rows of a block; their numbers are sorted."""
    row, chats = chosen_chats(table, chosen)
    words, begins = words_of(chats)
    shingles, starts, whole = shingles_of(words, begins, width)
    return pa.table([row, whole, np.diff(begins), np.diff(starts), listed(shingles, starts)], schema=SHINGLED)


def chosen_rows(table: pa.Table, chosen: Ints) -> pa.Table:
    """Return the chosen rows of a block; their numbers are sorted."""
    mask = among(table["row"].to_numpy(), chosen)
    return table if mask.all() else table.filter(pa.array(mask))


def chosen_chats(table: pa.Table, chosen: Ints) -> tuple[pa.ChunkedArray, Chats]:
    """Return the numbers of the chosen rows of a block, and the chats that they are."""
    table = chosen_rows(table.select(["row", "messages"]), chosen).combine_chunks()
    messages = table["messages"].chunks
    return table["row"], Chats.of(messages[0] if messages else pa.array([], MESSAGES))


def in_order(table: pa.Table) -> pa.Table:
    """Sort by the numbers of rows."""
    row = table["row"].to_numpy()
    sorted_already = bool(
        (row[1:] >= row[:-1]).all()
    )  # mostly; sorting long lists takes longer than all else
    return table if sorted_already else table.take(pa.array(np.argsort(row, kind="stable")))


@compiled
def _hash_words(data: Bytes, places: Offsets, chats: Ints, words: Hashes, starts: Ints) -> None:
    total = 0
    for chat in range(len(chats) - 1):
        starts[chat] = total
        for message in range(chats[chat], chats[chat + 1]):
            at, end = int(places[message]), int(places[message + 1])
            while at < end:
                space = white_space(data, at) if perhaps_white_space(data[at]) else 0
                if space:
                    at += space
                    continue
                hashed = _BYTE
                while at < end and not (perhaps_white_space(data[at]) and white_space(data, at)):
                    hashed = (hashed ^ np.uint64(data[at])) * _BYTE
                    at += 1
                words[total] = _mixed(hashed)
                total += 1
    starts[-1] = total


@compiled
def _mixed(value: np.uint64) -> np.uint64:
    """Scramble 64 bits (the finaliser of SplitMix64)."""
    value += _MIX[0]
    value = (value ^ (value >> _30)) * _MIX[1]
    value = (value ^ (value >> _27)) * _MIX[2]
    return value ^ (value >> _31)


@compiled
def _hash_shingles(words: Hashes, starts: Ints, width: int, out: tuple[Hashes, Ints, Hashes]) -> None:
    shingles, places, whole = out
    leading = _ONE
    for _ in range(width):
        leading *= _WORD
    total = 0
    for chat in range(len(starts) - 1):
        first, end = starts[chat], starts[chat + 1]
        places[chat] = total
        rolled, everything = np.uint64(0), np.uint64(end - first)
        filled = total
        for at in range(first, end):
            everything = (everything ^ words[at]) * _WHOLE
            everything ^= everything >> _32
            rolled = rolled * _WORD + words[at]
            if at - first >= width:
                rolled -= words[at - width] * leading
            if at - first >= width - 1:
                shingles[filled] = _mixed(rolled)
                filled += 1
        whole[chat] = _mixed(everything)
        if filled == total:  # shorter than a shingle: all of it is one
            shingles[filled] = whole[chat]
            filled += 1
        total = _distinct(shingles, total, filled)
    places[-1] = total


@compiled
def _distinct(values: Hashes, begin: int, end: int) -> int:
    """Sort a stretch and move its distinct values to its front; returns where they end."""
    values[begin:end].sort()
    kept = begin + 1
    for at in range(begin + 1, end):
        if values[at] != values[kept - 1]:
            values[kept] = values[at]
            kept += 1
    return kept
