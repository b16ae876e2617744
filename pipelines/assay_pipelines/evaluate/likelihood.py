"""How well a model compresses text: bits per UTF-8 byte, document by document.

A document longer than the model's context is cut into windows, each token predicted once and with as much before it as
fits, as lm-evaluation-harness' rolling likelihood does. Windows go through the model by length.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from lm_eval.utils import get_rolling_token_windows  # type: ignore[import-untyped]
from torch.nn.functional import cross_entropy

from assay_pipelines.evaluate.outcomes import Measured, Outcome, hashed
from assay_pipelines.inference import LoadedModel

_IGNORED = -100
_LOGITS = 2**25  # numbers that one forward pass may give: 128 MiB in fp32


@dataclass(frozen=True, kw_only=True)
class Text:
    """One document."""

    id: str
    text: str


@dataclass(frozen=True, kw_only=True)
class _Window:
    document: int
    tokens: list[int]
    targets: list[int]  # predicted by the last tokens


def measure(task: str, texts: Sequence[Text], loaded: LoadedModel, *, batch: int) -> Measured:
    """Code every text with the model; empty ones weigh nothing and are left out."""
    wanted = [text for text in texts if text.text]
    bits = document_bits([text.text for text in wanted], loaded, batch=batch)
    outcomes = tuple(
        Outcome(
            doc_id=text.id,
            doc_hash=hashed(text.text),
            prompt_hash=hashed(""),
            target_hash=hashed(text.text),
            prediction="",
            outcome=cost,
            weight=float(len(text.text.encode())),
        )
        for text, cost in zip(wanted, bits, strict=True)
    )
    return Measured(
        task=task,
        checkpoint=loaded.label,
        outcomes=outcomes,
        unit="bits per byte",
        higher_is_better=False,
    )


@torch.inference_mode()
def document_bits(texts: Sequence[str], loaded: LoadedModel, *, batch: int) -> list[float]:
    """Return the bits that each text costs."""
    windows = _windows(texts, loaded)
    windows.sort(key=lambda window: (-len(window.tokens), window.document))
    costs: list[list[float]] = [[] for _ in texts]
    for chunk in _batches(windows, batch=batch, tokens=_LOGITS // loaded.model.config.vocab_size):
        for window, nats in zip(chunk, _nats(chunk, loaded), strict=True):
            costs[window.document].append(nats / math.log(2))
    return [math.fsum(cost) for cost in costs]


def _windows(texts: Sequence[str], loaded: LoadedModel) -> list[_Window]:
    encoded = loaded.tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    return [
        _Window(document=document, tokens=tokens, targets=targets)
        for document, ids in enumerate(encoded)
        for tokens, targets in get_rolling_token_windows(
            token_list=ids, prefix_token=loaded.start, max_seq_len=loaded.context, context_len=1
        )
    ]


def _batches(windows: Sequence[_Window], *, batch: int, tokens: int) -> Iterator[Sequence[_Window]]:
    """Cut windows, the longest first, into batches that hold no more than so many tokens with their padding."""
    first = 0
    while first < len(windows):
        rows = min(batch, max(1, tokens // len(windows[first].tokens)))
        yield windows[first : first + rows]
        first += rows


def _nats(chunk: Sequence[_Window], loaded: LoadedModel) -> list[float]:
    """Sum each window's negative log-likelihood; padding is on the right, where causal attention cannot see it."""
    length = len(chunk[0].tokens)
    tokens = torch.zeros((len(chunk), length), dtype=torch.long)
    targets = torch.full((len(chunk), length), _IGNORED, dtype=torch.long)
    for row, window in enumerate(chunk):
        end = len(window.tokens)
        tokens[row, :end] = torch.tensor(window.tokens)
        targets[row, end - len(window.targets) : end] = torch.tensor(window.targets)
    logits = loaded.model(tokens.to(loaded.device), use_cache=False).logits.float()
    losses = cross_entropy(
        logits.flatten(0, 1), targets.flatten().to(loaded.device), ignore_index=_IGNORED, reduction="none"
    )
    sums: list[float] = losses.view(len(chunk), length).double().sum(dim=1).tolist()
    return sums
