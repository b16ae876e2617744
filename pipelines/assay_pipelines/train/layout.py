"""How a micro-batch lies in memory.

Side by side: a document per line, padded at the end, where no token that counts can see it. End to end, where rows share sequences:
all rows in one line, with no padding, and attention within each (`documents`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from assay_pipelines.train.examples import Examples
from assay_pipelines.train.passes import Rows

_NOTHING = 2  # the width of a line without rows


class MicroBatch(NamedTuple):
    """What a network takes in one pass."""

    tokens: torch.Tensor  # int64, (lines, width)
    learned: torch.Tensor  # bool, as tokens
    documents: tuple[int, ...] = ()  # tokens of each row in the one line; without any, a line is a document
    reference: torch.Tensor | None = (
        None  # log-probability of each line under the starting model, where answers are compared
    )


def lay_out(
    examples: Examples,
    sequences: Sequence[Rows],
    device: torch.device,
    *,
    reference: NDArray[np.float32] | None = None,
) -> MicroBatch:
    """Lay sequences out, each the rows that share it. Of no sequences comes a batch that teaches nothing."""
    documents = examples.documents_of(_rows(sequences))
    spans = [slice(examples.offsets[one], examples.offsets[one + 1]) for one in documents]
    lengths = tuple(int(span.stop - span.start) for span in spans)
    if _end_to_end(sequences):
        tokens = np.concatenate([examples.tokens[span] for span in spans]).astype(np.int64)[None]
        learned = np.concatenate([examples.learned[span] for span in spans])[None]
    else:
        tokens = np.zeros((max(len(spans), 1), max(lengths, default=_NOTHING)), dtype=np.int64)
        learned = np.zeros(tokens.shape, dtype=np.bool_)
        for line, span in enumerate(spans):
            tokens[line, : lengths[line]] = examples.tokens[span]
            learned[line, : lengths[line]] = examples.learned[span]
    return MicroBatch(
        torch.from_numpy(tokens).to(device),
        torch.from_numpy(learned).to(device),
        lengths if _end_to_end(sequences) else (),
        torch.from_numpy(reference[documents]).to(device) if reference is not None else None,
    )


def places_of(examples: Examples, sequences: Sequence[Rows]) -> int:
    """Places for tokens that a micro-batch has, those of padding with them."""
    documents = examples.documents_of(_rows(sequences))
    if not len(documents):
        return _NOTHING
    lengths = examples.offsets[documents + 1] - examples.offsets[documents]
    return int(lengths.sum() if _end_to_end(sequences) else lengths.max() * len(documents))


def _rows(sequences: Sequence[Rows]) -> Rows:
    return np.concatenate([*sequences, np.zeros(0, dtype=np.int64)])


def _end_to_end(sequences: Sequence[Rows]) -> bool:
    return any(len(rows) > 1 for rows in sequences)
