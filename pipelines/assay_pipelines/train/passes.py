"""How a pass over the rows is dealt out: in which order, which rows share a sequence, which sequences make a step. Pure.

- The order of a pass is by a hash of seed, its number and row id: it depends on no library and no process, and rows that two
  data sets share come in the same relative order in both, so arms differ by their data and not by their shuffling.
- `examples`: every row is a sequence of its own, and a step is `size` of them.
- `tokens`: likewise, but a step is as many whole rows, in order, as fit into `size` tokens, and at least one.
- `packedSequences`: rows share sequences of at most `limit` tokens, and a step is `size` sequences. The pass is cut, in its
  order, into windows of `WINDOW` rows; within one, rows are placed from the longest to the shortest, each into the sequence
  that it fills most (best-fit decreasing, as Ding et al. 2024, arXiv 2404.10830, pack; the windows are ours, so that a
  sequence's rows stand near each other in the order). A sequence stands where its longest row stood, and its rows in the
  order of the pass: early steps see no longer rows than late ones.

The last step of a pass takes what is left.
"""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from assay_pipelines.order import order_of

Rows = NDArray[np.int64]

WINDOW = 4096


@dataclass(frozen=True, kw_only=True)
class Dealing:
    """How rows are dealt out, as the spec says."""

    unit: str  # batchUnit
    size: int  # batchSize
    limit: int  # sequenceLength


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One pass, dealt out."""

    rows: Rows  # in the order in which they are learned
    sequences: Rows  # sequence i has rows sequences[i] to sequences[i + 1]
    steps: Rows  # step i has sequences steps[i] to steps[i + 1]

    def batch(self, step: int) -> list[Rows]:
        """Return the sequences of step `step`, each the rows that share it."""
        bounds = self.sequences[self.steps[step] : self.steps[step + 1] + 1]
        return [self.rows[begin:end] for begin, end in pairwise(bounds)]

    @property
    def ends(self) -> Rows:
        """Rows seen by the end of each step."""
        return self.sequences[self.steps[1:]]


class Passes:
    """All passes over the rows: each is dealt out when it is asked for, and its steps are remembered."""

    def __init__(self, ids: tuple[str, ...], lengths: Rows, seed: int, dealing: Dealing) -> None:
        self._ids, self._lengths, self._seed, self._dealing = ids, lengths, seed, dealing
        self._ends: list[Rows] = []  # of each pass, rows seen by the end of each of its steps
        self._starts = [0]  # steps before each pass
        self._dealt: dict[int, Pass] = {}

    def steps_of(self, epoch: int) -> int:
        """Steps of a pass."""
        return len(self.ends(epoch))

    def start_of(self, epoch: int) -> int:
        """Steps before a pass."""
        self.ends(epoch)
        return self._starts[epoch]

    def locate(self, step: int) -> tuple[int, int]:
        """Return in which pass a step is, from 0, and which of its steps it is."""
        while self._starts[-1] <= step:
            self.ends(len(self._ends))
        epoch = bisect_right(self._starts, step) - 1
        return epoch, step - self._starts[epoch]

    def ends(self, epoch: int) -> Rows:
        """Rows of a pass seen by the end of each of its steps."""
        while len(self._ends) <= epoch:
            if self._dealing.unit == "examples":  # every pass alike, whatever its order
                ends = self._ends[0] if self._ends else every(len(self._ids), self._dealing.size)[1:]
            else:
                ends = self.dealt(len(self._ends)).ends
            self._ends.append(ends)
            self._starts.append(self._starts[-1] + len(ends))
        return self._ends[epoch]

    def dealt(self, epoch: int) -> Pass:
        """Deal a pass out; the last two stay at hand."""
        if epoch not in self._dealt:
            order = order_of(self._ids, self._seed, epoch)
            kept = list(self._dealt.items())[-1:]
            self._dealt = {**dict(kept), epoch: deal(order, self._lengths, self._dealing)}
        return self._dealt[epoch]

    def rows_done(self, steps: int) -> int:
        """Rows seen after so many steps."""
        if not steps:
            return 0
        epoch, within = self.locate(steps - 1)
        return epoch * len(self._ids) + int(self.ends(epoch)[within])


def deal(order: Rows, lengths: Rows, dealing: Dealing) -> Pass:
    """Deal out a pass over rows in the order given; `lengths` are tokens by row, none above the limit."""
    if dealing.unit == "packedSequences":
        packed = list(
            chain.from_iterable(
                _pack(order[begin : begin + WINDOW], lengths, dealing.limit)
                for begin in range(0, len(order), WINDOW)
            )
        )
        rows, sequences = np.concatenate(packed), _offsets([len(one) for one in packed])
    else:
        rows, sequences = order, np.arange(len(order) + 1)
    if dealing.unit == "tokens":
        steps = _within(lengths[rows], dealing.size)
    else:
        steps = every(len(sequences) - 1, dealing.size)
    return Pass(rows=rows, sequences=sequences, steps=steps)


def every(count: int, size: int) -> Rows:
    """Cut `count` things into runs of `size`; the last may be shorter."""
    return np.minimum(np.arange(-(-count // size) + 1) * size, count)


def _within(lengths: Rows, size: int) -> Rows:
    """Cut rows into runs of at most `size` tokens, as long as they go; a row that is longer is a run of its own."""
    ends = np.cumsum(lengths)
    bounds, before = [0], 0
    while bounds[-1] < len(lengths):
        bounds.append(max(int(np.searchsorted(ends, before + size, side="right")), bounds[-1] + 1))
        before = int(ends[bounds[-1] - 1])
    return np.array(bounds, dtype=np.int64)


def _pack(window: Rows, lengths: Rows, limit: int) -> list[Rows]:
    """Let a window's rows share sequences: best-fit decreasing, ties by their order."""
    contents: list[list[int]] = []  # places in the window, by sequence, the longest row's first
    room: list[tuple[int, int]] = []  # what is left in each sequence, and its number, sorted
    for place in np.argsort(-lengths[window], kind="stable").tolist():
        length = int(lengths[window[place]])
        tightest = bisect_left(room, (length, 0))
        if tightest == len(room):
            contents.append([place])
            insort(room, (limit - length, len(contents) - 1))
        else:
            left, number = room.pop(tightest)
            contents[number].append(place)
            insort(room, (left - length, number))
    contents.sort()
    return [window[sorted(places)] for places in contents]


def _offsets(sizes: list[int]) -> Rows:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
