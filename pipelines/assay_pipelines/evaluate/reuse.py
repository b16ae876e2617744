"""Forward passes that go on from what was read before: the beginning that prompts share is read once.

Of a layer, a shared beginning is kept in one row, whatever the batch; what comes after it stands in rows. Prompts are padded on
their left, between the beginning and their own tokens, so that all of them end in the same place.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from assay_pipelines.evaluate.families import AT_ONCE, Tokens

_LOGITS = 2**25  # numbers that one forward pass may give: 128 MiB in fp32
_WANTED = {"attention_mask", "position_ids", "past_key_values", "logits_to_keep"}
_BY_LENGTH = {"dynamic", "longrope"}  # rotary embeddings that change with the length of what is read

Answered = tuple[float, bool]  # log-likelihood of a continuation, and whether it is the likeliest


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is read, and what may follow it."""

    prompt: Tokens
    answers: tuple[Tokens, ...]


def reusable(model: Any) -> bool:
    """Whether a model remembers every token that it has read, wherever the next one stands.

    Those with sliding windows or states do not, and some cannot be told positions.
    """
    rope = getattr(model.config, "rope_parameters", None) or {}
    return (
        inspect.signature(model.forward).parameters.keys() >= _WANTED
        and rope.get("rope_type") not in _BY_LENGTH
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

    def of_rows(self, rows: torch.Tensor) -> "_Layer":
        """Return the memory of some of the rows, which may be the same one several times."""
        chosen, keys, values = _Layer(self._beginning), self.keys, self.values
        assert keys is not None and values is not None  # noqa: PT018, S101 -- it has read something
        chosen.lazy_initialization(keys, values)
        chosen.keys, chosen.values = keys.index_select(0, rows), values.index_select(0, rows)
        return chosen


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
def answer(
    model: Any, beginning: Beginning, questions: Sequence[Question], *, rows: int
) -> list[list[Answered]]:
    """Return the log-likelihood of every answer after its question, which starts with the beginning.

    Answers of one token need nothing but what follows the question; longer ones are read after it, so many rows at a time.
    """
    start, device = len(beginning.tokens), model.device
    rests = [question.prompt[start:] for question in questions]
    longest = max(len(rest) for rest in rests)
    tokens = torch.zeros((len(rests), longest), dtype=torch.long)
    seen = torch.zeros((len(rests), start + longest), dtype=torch.long)
    seen[:, :start] = 1
    for row, rest in enumerate(rests):
        tokens[row, longest - len(rest) :] = torch.tensor(rest)
        seen[row, start + longest - len(rest) :] = 1
    seen = seen.to(device)
    cache = beginning.cache(model)
    logits = model(
        tokens.to(device),
        attention_mask=seen,
        position_ids=(seen.cumsum(dim=1) - 1).clamp(min=0)[:, start:],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    firsts = logits.float().log_softmax(dim=-1)
    likeliest = firsts.argmax(dim=-1)
    found = [
        [(float(firsts[row, tokens[0]]), bool(likeliest[row] == tokens[0])) for tokens in question.answers]
        for row, question in enumerate(questions)
    ]
    longer = sorted(
        (
            (row, place)
            for row, question in enumerate(questions)
            for place, tokens in enumerate(question.answers)
            if len(tokens) > 1
        ),
        key=lambda at: -len(questions[at[0]].answers[at[1]]),
    )
    while longer:
        length = len(questions[longer[0][0]].answers[longer[0][1]])
        size = max(1, min(rows, AT_ONCE // (longest + length), _LOGITS // (logits.shape[-1] * length)))
        chunk, longer = longer[:size], longer[size:]
        asked = torch.tensor([row for row, _ in chunk], device=device)
        told = [questions[row].answers[place] for row, place in chunk]
        after = Cache(layers=[layer.of_rows(asked) for layer in cache.layers])
        for (row, place), (likelihood, greedy) in zip(
            chunk, _go_on(model, after, seen[asked], told), strict=True
        ):
            before = found[row][place]
            found[row][place] = (before[0] + likelihood, before[1] and greedy)
    return found


def _go_on(model: Any, cache: Any, seen: torch.Tensor, answers: Sequence[Tokens]) -> list[Answered]:
    """Return the log-likelihood of each answer after its first token."""
    longest = max(len(tokens) for tokens in answers) - 1
    read_, wanted = (torch.zeros((len(answers), longest), dtype=torch.long) for _ in range(2))
    more = torch.zeros((len(answers), longest), dtype=torch.long)
    for row, tokens in enumerate(answers):
        read_[row, : len(tokens) - 1] = torch.tensor(tokens[:-1])
        wanted[row, : len(tokens) - 1] = torch.tensor(tokens[1:])
        more[row, : len(tokens) - 1] = 1
    more, wanted = more.to(seen.device), wanted.to(seen.device)
    logs = (
        model(
            read_.to(seen.device),
            attention_mask=torch.cat([seen, more], dim=1),
            position_ids=seen.sum(dim=1, keepdim=True) + torch.arange(longest, device=seen.device),
            past_key_values=cache,
            use_cache=True,
        )
        .logits.float()
        .log_softmax(dim=-1)
    )
    likelihoods = (logs.gather(2, wanted.unsqueeze(-1)).squeeze(-1) * more).sum(dim=1)
    greedy = ((logs.argmax(dim=-1) == wanted) | (more == 0)).all(dim=1)
    return list(zip(likelihoods.tolist(), greedy.tolist(), strict=True))
