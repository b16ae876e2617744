"""Forward passes that go on from what was read before: the beginning that prompts share is read once.

Of a layer, a shared beginning is kept in one row, whatever the batch. Questions go on from it in one row, too (see `rows`); prompts
after which a model writes stand in as many, padded on their left, between the beginning and their own tokens.
"""

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from assay_pipelines.evaluate.families import Tokens
from assay_pipelines.evaluate.rows import Question, Row, rows_of

_LOGITS = 2**25  # numbers that one forward pass may give: 128 MiB in fp32
_WANTED = {"attention_mask", "position_ids", "past_key_values", "logits_to_keep"}
_BY_LENGTH = {"dynamic", "longrope"}  # rotary embeddings that change with the length of what is read

Answered = tuple[float, bool]  # log-likelihood of a continuation, and whether it is the likeliest


def reusable(model: Any) -> bool:
    """Whether a model remembers every token that it has read, wherever the next one stands.

    Those with sliding windows or states do not, and some cannot be told positions, or make them from a plain mask.
    """
    rope = getattr(model.config, "rope_parameters", None) or {}
    return (
        inspect.signature(model.forward).parameters.keys() >= _WANTED
        and rope.get("rope_type") not in _BY_LENGTH
        and not getattr(model.config, "alibi", False)
        and all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)
    )


class _Layer(DynamicLayer):
    """One layer's memory: of a beginning, in one row, and of what came after it, in many."""

    def __init__(self, beginning: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._beginning = beginning

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = super().update(key_states, value_states)
        if self._beginning is None:
            return keys, values
        return _after(self._beginning.keys, keys), _after(self._beginning.values, values)

    def get_seq_length(self) -> int:
        before: int = 0 if self._beginning is None else self._beginning.get_seq_length()
        return before + super().get_seq_length()


def _after(beginning: Any, rest: torch.Tensor) -> torch.Tensor:
    return torch.cat([beginning.expand(len(rest), -1, -1, -1), rest], dim=-2)


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Tokens that a model has read, for others to go on from."""

    tokens: Tokens
    layers: tuple[Any, ...] | None  # None: nothing was read

    def cache(self, model: Any) -> Any:
        """Return a memory that goes on from here and leaves this one as it is."""
        layers = self.layers or (None,) * len(DynamicCache(config=model.config).layers)
        return Cache(layers=[_Layer(layer) for layer in layers])


@torch.inference_mode()
def read(model: Any, tokens: Tokens) -> Beginning:
    """Let a model read a beginning."""
    if not tokens:
        return Beginning(tokens=(), layers=None)
    cache = DynamicCache(config=model.config)
    model(
        torch.tensor([tokens], device=model.device), past_key_values=cache, use_cache=True, logits_to_keep=1
    )
    return Beginning(tokens=tokens, layers=tuple(cache.layers))


@torch.inference_mode()
def answer(model: Any, beginning: Beginning, questions: Sequence[Question]) -> list[list[Answered]]:
    """Return the log-likelihood of every answer after its question, which starts with the beginning."""
    found: list[list[Answered]] = [[(0.0, True)] * len(question.answers) for question in questions]
    most = _LOGITS // model.config.get_text_config().vocab_size
    for row in rows_of(questions, start=len(beginning.tokens), logits=most):
        for asked, answered in zip(row.asked, _answers(model, beginning, row), strict=True):
            found[asked.question][asked.answer] = answered
    return found


def _answers(model: Any, beginning: Beginning, row: Row) -> list[Answered]:
    device = model.device
    logs = (
        model(
            torch.tensor([row.tokens], device=device),
            attention_mask=_seen(row, start=len(beginning.tokens)).to(device, model.dtype),
            position_ids=torch.tensor([row.positions], device=device),
            past_key_values=beginning.cache(model),
            use_cache=True,
            logits_to_keep=torch.tensor(row.kept, device=device),
        )
        .logits[0]
        .float()
        .log_softmax(dim=-1)
    )
    places = torch.tensor([place for asked in row.asked for place in asked.logits], device=device)
    tokens = torch.tensor([token for asked in row.asked for token in asked.tokens], device=device)
    likelihoods = iter(logs[places, tokens].tolist())
    likeliest = iter((logs.argmax(dim=-1)[places] == tokens).tolist())
    return [
        (sum(islice(likelihoods, len(asked.tokens))), all([*islice(likeliest, len(asked.tokens))]))
        for asked in row.asked
    ]


def _seen(row: Row, *, start: int) -> torch.Tensor:
    """Return what is added to attention's scores: nothing where a token sees another, and minus infinity elsewhere."""
    parts, follows = torch.tensor(row.parts), torch.tensor(row.follows)
    own = (parts[:, None] == parts) | (follows[:, None] == parts)
    seen = torch.cat([torch.ones(len(parts), start, dtype=torch.bool), own.tril()], dim=1)
    return torch.zeros(seen.shape).masked_fill(~seen, -math.inf)[None, None]
