"""How a micro-batch lies in memory.

Side by side: a row per line, padded at the end, where no token that counts can see it. End to end, where rows share sequences:
all rows in one line, with no padding, and attention within each (`documents`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from assay_pipelines.train.examples import Examples
from assay_pipelines.train.passes import Rows

_NOTHING = 2  # the width of a line without rows


class MicroBatch(NamedTuple):
    """What a network takes in one pass."""

    tokens: torch.Tensor  # int64, (lines, width)
    learned: torch.Tensor  # bool, as tokens
    documents: tuple[int, ...] = ()  # tokens of each row in the one line; without any, a line is a row


def lay_out(examples: Examples, sequences: Sequence[Rows], device: torch.device) -> MicroBatch:
    """Lay sequences out, each the rows that share it. Of no sequences comes a batch that teaches nothing."""
    rows = _rows(sequences)
    spans = [slice(examples.offsets[row], examples.offsets[row + 1]) for row in rows]
    if _end_to_end(sequences):
        tokens = np.concatenate([examples.tokens[span] for span in spans]).astype(np.int64)[None]
        learned = np.concatenate([examples.learned[span] for span in spans])[None]
        documents = tuple(int(length) for length in examples.lengths[rows])
    else:
        width = int(examples.lengths[rows].max()) if len(rows) else _NOTHING
        tokens = np.zeros((max(len(rows), 1), width), dtype=np.int64)
        learned = np.zeros(tokens.shape, dtype=np.bool_)
        documents = ()
        for line, span in enumerate(spans):
            tokens[line, : span.stop - span.start] = examples.tokens[span]
            learned[line, : span.stop - span.start] = examples.learned[span]
    return MicroBatch(torch.from_numpy(tokens).to(device), torch.from_numpy(learned).to(device), documents)


def places_of(lengths: Rows, sequences: Sequence[Rows]) -> int:
    """Places for tokens that a micro-batch has, those of padding with them."""
    rows = _rows(sequences)
    if not len(rows):
        return _NOTHING
    return int(lengths[rows].sum() if _end_to_end(sequences) else lengths[rows].max() * len(rows))


def _rows(sequences: Sequence[Rows]) -> Rows:
    return np.concatenate([*sequences, np.zeros(0, dtype=np.int64)])


def _end_to_end(sequences: Sequence[Rows]) -> bool:
    return any(len(rows) > 1 for rows in sequences)
