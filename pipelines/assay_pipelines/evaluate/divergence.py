"""How far a model's next-token probabilities are from a reference's on given texts: KL divergence, document by document.

Texts are cut as for bits per byte, and both models read the same tokens. The interval takes documents for what was drawn: tokens
of one document lean on each other.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch

from assay.errors import StageError
from assay.statistics.distributions import t_quantile
from assay_pipelines.evaluate.likelihood import Text, Window, cut, in_batches, not_empty
from assay_pipelines.evaluate.work import Work
from assay_pipelines.inference import LoadedModel
from assay_pipelines.models import not_finite
from assay_pipelines.outcomes import Measured, Outcome, hashed

_LOGITS = 2**23  # numbers that one forward pass may give: 32 MiB in fp32, of which six are held at once
_LEVEL = 0.95


@dataclass(frozen=True)
class Pair:
    """A model and its reference, and whose probabilities weigh."""

    model: LoadedModel
    reference: LoadedModel
    under: Literal["model", "reference"] = "model"


def measure(task: str, texts: Sequence[Text], pair: Pair, work: Work) -> Measured:
    """Compare the two on every text; empty ones weigh nothing and are left out.

    Raises:
        StageError: `TokenizerUnfit`: the two do not have the same tokens.

    """
    if pair.model.tokenizer.get_vocab() != pair.reference.tokenizer.get_vocab():
        raise StageError(
            "TokenizerUnfit",
            f"task {task}, model {pair.model.label}",
            "found other tokens than the reference's, expected the same",
            "Compare models of one family, such as a fine-tuned one and its base.",
        )
    wanted = not_empty(task, texts)
    context = min(pair.model.context, pair.reference.context)  # both read the same windows
    windows = cut(wanted, pair.model, context)
    nats: list[list[float]] = [[] for _ in wanted]
    lengths = Counter[int]()
    most = _LOGITS // pair.model.model.config.vocab_size
    measured = in_batches(
        windows, ["divergence", task, pair.model.label], partial(_nats, pair), work, tokens=most
    )
    for window, found in measured:
        nats[window.document].append(found)
        lengths[window.document] += len(window.targets)
    outcomes = tuple(
        Outcome(
            doc_id=text.id,
            doc_hash=hashed(text.text),
            prompt_hash=hashed(text.text[: text.given]),
            target_hash=hashed(text.measured),
            prediction="",
            outcome=math.fsum(found),
            weight=float(lengths[place]),
            tokens=lengths[place],
        )
        for place, (text, found) in enumerate(zip(wanted, nats, strict=True))
    )
    return Measured(
        task=task,
        checkpoint=pair.model.label,
        outcomes=outcomes,
        unit="nats per token",
        higher_is_better=None,
        beside={"interval": _interval(outcomes)},
    )


def _interval(outcomes: Sequence[Outcome]) -> list[float] | None:
    """Return where the ratio of sums lies, with documents as what was drawn; None for fewer than two."""
    count = len(outcomes)
    if count < 2:
        return None
    weight = math.fsum(one.weight for one in outcomes)
    ratio = math.fsum(one.outcome for one in outcomes) / weight
    squares = math.fsum((one.outcome - ratio * one.weight) ** 2 for one in outcomes)
    half = t_quantile((1 + _LEVEL) / 2, count - 1) * math.sqrt(count / (count - 1) * squares) / weight
    return [ratio - half, ratio + half]


@torch.inference_mode()
def _nats(pair: Pair, chunk: Sequence[Window]) -> list[float]:
    """Sum each window's divergence over the places whose next token is a target."""
    length = len(chunk[0].tokens)
    tokens = torch.zeros((len(chunk), length), dtype=torch.long)
    counted = torch.zeros((len(chunk), length), dtype=torch.double)
    for row, window in enumerate(chunk):
        end = len(window.tokens)
        tokens[row, :end] = torch.tensor(window.tokens)
        counted[row, end - len(window.targets) : end] = 1
    ours, theirs = (
        one.model(tokens.to(one.device), use_cache=False).logits for one in (pair.model, pair.reference)
    )
    size = min(ours.shape[-1], theirs.shape[-1])  # embeddings may be padded to different sizes
    model, reference = (logits[..., :size].float().log_softmax(dim=-1) for logits in (ours, theirs))
    weighing, other = (model, reference) if pair.under == "model" else (reference, model)
    each = (weighing.exp() * (weighing - other)).sum(dim=-1)
    sums: list[float] = (each.cpu().double() * counted).sum(dim=1).tolist()
    if not all(math.isfinite(one) for one in sums):
        raise not_finite(f"model {pair.model.label} or its reference")
    return sums
