"""How well a model compresses text: bits per UTF-8 byte, and per token beside it, document by document.

A document longer than the model's context is cut into windows, each token predicted once and with as much before it as
fits, as lm-evaluation-harness' rolling likelihood does. Windows go through the model by length.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from lm_eval.utils import get_rolling_token_windows  # type: ignore[import-untyped]
from torch.nn.functional import cross_entropy

from assay.errors import StageError
from assay_pipelines.evaluate.dealing import Size
from assay_pipelines.evaluate.work import Batch, Work
from assay_pipelines.inference import LoadedModel
from assay_pipelines.outcomes import Measured, Outcome, hashed

_IGNORED = -100
_LOGITS = 2**25  # numbers that one forward pass may give: 128 MiB in fp32


@dataclass(frozen=True, kw_only=True)
class Text:
    """One document, or a chat as a model reads it."""

    id: str
    text: str
    given: int = 0  # characters at its beginning that are read and not measured

    @property
    def measured(self) -> str:
        """What is left of it."""
        return self.text[self.given :]


@dataclass(frozen=True, kw_only=True)
class Coded:
    """What a text costs, and in how many tokens."""

    bits: float
    tokens: int


@dataclass(frozen=True, kw_only=True)
class Window:
    """A part of a document that the model reads at once."""

    document: int
    tokens: list[int]
    targets: list[int]  # predicted by the last tokens


def measure(task: str, texts: Sequence[Text], loaded: LoadedModel, work: Work) -> Measured:
    """Code every text with the model; empty ones weigh nothing and are left out."""
    wanted = not_empty(task, texts)
    coded = document_bits(wanted, loaded, work)
    outcomes = tuple(
        Outcome(
            doc_id=text.id,
            doc_hash=hashed(text.text),
            prompt_hash=hashed(text.text[: text.given]),
            target_hash=hashed(text.measured),
            prediction="",
            outcome=one.bits,
            weight=float(len(text.measured.encode())),
            tokens=one.tokens,
        )
        for text, one in zip(wanted, coded, strict=True)
    )
    return Measured(
        task=task,
        checkpoint=loaded.label,
        outcomes=outcomes,
        unit="bits per byte",
        higher_is_better=False,
        beside={"bitsPerToken": math.fsum(one.bits for one in coded) / sum(one.tokens for one in coded)},
    )


def not_empty(task: str, texts: Sequence[Text]) -> list[Text]:
    """Return the texts that weigh anything.

    Raises:
        StageError: `BenchmarkMalformed`: none does.

    """
    wanted = [text for text in texts if text.measured]
    if not wanted:
        raise StageError(
            "BenchmarkMalformed",
            f"task {task}",
            f"found {len(texts)} texts and all of them empty, expected some to read",
            "Look at its data.",
        )
    return wanted


def document_bits(texts: Sequence[Text], loaded: LoadedModel, work: Work) -> list[Coded]:
    """Return what each text costs, without what is given of it."""
    windows = cut(texts, loaded, loaded.context)
    costs: list[list[float]] = [[] for _ in texts]
    lengths = Counter[int]()
    most = _LOGITS // loaded.model.config.vocab_size
    found = in_batches(windows, ["bits", loaded.label], partial(_nats, loaded), work, tokens=most)
    for window, nats in found:
        costs[window.document].append(nats / math.log(2))
        lengths[window.document] += len(window.targets)
    return [Coded(bits=math.fsum(cost), tokens=lengths[document]) for document, cost in enumerate(costs)]


def cut(texts: Sequence[Text], loaded: LoadedModel, context: int) -> list[Window]:
    """Cut texts into windows, the longest first: each token is a target once, with as much before it as fits a context.

    Tokens that begin within what is given are none.
    """
    some_given = any(text.given for text in texts)
    encoded = loaded.tokenizer(
        [text.text for text in texts],
        add_special_tokens=False,
        return_offsets_mapping=some_given,
        verbose=False,
    )
    windows = []
    for document, ids in enumerate(encoded["input_ids"]):
        starts = [start for start, _ in encoded["offset_mapping"][document]] if some_given else []
        given = bisect_left(starts, texts[document].given)
        for tokens, predicted in get_rolling_token_windows(
            token_list=ids, prefix_token=loaded.start, max_seq_len=context, context_len=1
        ):
            targets = predicted[given:]
            given = max(given - len(predicted), 0)
            if targets:
                windows.append(Window(document=document, tokens=tokens, targets=targets))
    return sorted(windows, key=lambda window: (-len(window.tokens), window.document))


def in_batches(
    windows: Sequence[Window],
    what: Sequence[str],
    make: Callable[[Sequence[Window]], list[float]],
    work: Work,
    *,
    tokens: int,
) -> Iterator[tuple[Window, float]]:
    """Yield each window, the longest first, with what `make` finds of it; `what` tells its batches from those of other measures.

    A batch holds no more than so many tokens with their padding.
    """
    batches = [
        Batch(
            what=[*what, [[window.tokens, len(window.targets)] for window in chunk]],
            rows=chunk,
            make=make,
            size=Size(tokens=sum(len(window.tokens) for window in chunk)),
        )
        for chunk in _chunks(windows, rows=work.batch, tokens=tokens)
    ]
    for batch, found in zip(batches, work.all(batches), strict=True):
        yield from zip(batch.rows, found, strict=True)


def _chunks(windows: Sequence[Window], *, rows: int, tokens: int) -> Iterator[Sequence[Window]]:
    first = 0
    while first < len(windows):
        taken = min(rows, max(1, tokens // len(windows[first].tokens)))
        yield windows[first : first + taken]
        first += taken


@torch.inference_mode()
def _nats(loaded: LoadedModel, chunk: Sequence[Window]) -> list[float]:
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
