"""Answers, token by token, in left-padded batches with a key-value cache, or by vLLM where that was asked for.

Sampling draws from a stream of its own for every prompt, seeded by the stage's seed and the prompt's id, so that an
answer depends neither on its batch nor on what else is asked. Arithmetic in batches of another size may still differ in
the last bits, which only a near tie can show.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import DynamicCache

from assay.errors import StageError
from assay_pipelines.by_vllm import Vllm, Wanted
from assay_pipelines.inference import LoadedModel
from assay_pipelines.models import not_finite

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen."""

    temperature: float  # 0 takes the likeliest
    top_p: float
    max_tokens: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is asked: the tokens up to where the answer begins."""

    id: str
    tokens: list[int]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came: the tokens up to the end of the turn, which is not among them."""

    prompt_id: str
    tokens: list[int]
    ended: bool  # False: cut at maxTokens or at the model's context


@dataclass(kw_only=True)
class _Row:
    """One prompt of a batch while it is answered."""

    prompt: Prompt
    budget: int
    stream: np.random.Generator
    tokens: list[int] = field(default_factory=list)
    ended: bool = False

    @property
    def running(self) -> bool:
        return not self.ended and len(self.tokens) < self.budget


def answer(
    prompts: Sequence[Prompt],
    loaded: LoadedModel,
    sampling: Sampling,
    *,
    batch: int,
    done: Callable[[int], None],
) -> Iterator[Reply]:
    """Yield a reply to every prompt, the longest first; `done` is told how many there are after each batch.

    Raises:
        StageError: `ContextTooSmall` or `ModelNotFinite`.

    """
    longest = max(prompts, key=lambda prompt: len(prompt.tokens))
    if len(longest.tokens) >= loaded.context:
        raise StageError(
            "ContextTooSmall",
            f"model {loaded.label}, prompt {longest.id}",
            f"found a context of {loaded.context} tokens, expected more than the {len(longest.tokens)} of the prompt",
            "Ask shorter prompts, or give the model a longer context.",
        )
    ordered = sorted(prompts, key=lambda prompt: (-len(prompt.tokens), prompt.id))
    ends = _ends(loaded)
    if loaded.vllm is not None:
        yield from _by_vllm(loaded.vllm, ordered, loaded.context, sampling, ends)
        done(len(ordered))
        return
    for first in range(0, len(ordered), batch):
        rows = [
            _Row(
                prompt=prompt,
                budget=min(sampling.max_tokens, loaded.context - len(prompt.tokens)),
                stream=_stream(sampling.seed, prompt.id),
            )
            for prompt in ordered[first : first + batch]
        ]
        _answer_batch(rows, loaded, sampling, ends)
        yield from (Reply(prompt_id=row.prompt.id, tokens=row.tokens, ended=row.ended) for row in rows)
        done(min(first + batch, len(ordered)))


def _by_vllm(
    vllm: Vllm, prompts: Sequence[Prompt], context: int, sampling: Sampling, ends: frozenset[int]
) -> Iterator[Reply]:
    wanted = [
        Wanted(
            prompt=prompt.tokens,
            most=min(sampling.max_tokens, context - len(prompt.tokens)),
            seed=_seed(sampling.seed, prompt.id),
        )
        for prompt in prompts
    ]
    written = vllm.write(wanted, temperature=sampling.temperature, top_p=sampling.top_p, ends=ends)
    for prompt, (tokens, ended) in zip(prompts, written, strict=True):
        yield Reply(prompt_id=prompt.id, tokens=tokens, ended=ended)


@torch.inference_mode()
def _answer_batch(rows: list[_Row], loaded: LoadedModel, sampling: Sampling, ends: frozenset[int]) -> None:
    width = max(len(row.prompt.tokens) for row in rows)
    tokens = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    for place, row in enumerate(rows):
        tokens[place, width - len(row.prompt.tokens) :] = torch.tensor(row.prompt.tokens)
        mask[place, width - len(row.prompt.tokens) :] = 1
    tokens, mask = tokens.to(loaded.device), mask.to(loaded.device)
    cache = DynamicCache(config=loaded.model.config)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    active = rows
    while True:
        logits = loaded.model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        chosen = _choose(logits, active, sampling, loaded.label)
        for row, token in zip(active, chosen, strict=True):
            if not row.running:
                continue
            if token in ends:
                row.ended = True
            else:
                row.tokens.append(token)
        still = [place for place, row in enumerate(active) if row.running]
        if not still:
            return
        tokens = torch.tensor(chosen, device=loaded.device).unsqueeze(1)
        positions = positions[:, -1:] + 1
        mask = torch.cat([mask, mask.new_ones((len(active), 1))], dim=1)
        if 2 * len(still) <= len(active):  # those that are done would cost as much as those that are not
            kept = torch.tensor(still, device=loaded.device)
            cache.batch_select_indices(kept)
            tokens, positions, mask = tokens[kept], positions[kept], mask[kept]
            active = [active[place] for place in still]


def _choose(logits: torch.Tensor, rows: Sequence[_Row], sampling: Sampling, label: str) -> list[int]:
    if not bool(torch.isfinite(logits).all()):
        raise not_finite(f"model {label}")
    if sampling.temperature == 0:
        likeliest: list[int] = logits.argmax(dim=-1).tolist()
        return likeliest
    scaled = logits.double().cpu().numpy() / sampling.temperature
    draws = np.array([row.stream.random() for row in rows])
    return sample(scaled, draws, top_p=sampling.top_p)


def sample(logits: Floats, draws: Floats, *, top_p: float) -> list[int]:
    """Take one token per row by its draw from 0 to 1, among the likeliest tokens that together hold `top_p`."""
    order = np.argsort(-logits, axis=1, kind="stable")
    ranked = np.take_along_axis(logits, order, axis=1)
    weights = np.exp(ranked - ranked[:, :1])
    reached = np.cumsum(weights / weights.sum(axis=1, keepdims=True), axis=1)
    kept = np.minimum((reached < top_p).sum(axis=1), logits.shape[1] - 1)  # index of the last that is kept
    rows = np.arange(len(draws))
    wanted = draws * reached[rows, kept]
    ranks = np.minimum((reached <= wanted[:, None]).sum(axis=1), kept)
    chosen: list[int] = order[rows, ranks].tolist()
    return chosen


def _stream(seed: int, prompt_id: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(_seed(seed, prompt_id)))


def _seed(seed: int, prompt_id: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{prompt_id}".encode()).digest()[:16])


def _ends(loaded: LoadedModel) -> frozenset[int]:
    """Find the tokens that end a turn: the end token, the configured ones, and ChatML's."""
    known = loaded.tokenizer.get_vocab()
    configured = getattr(loaded.model.generation_config, "eos_token_id", None)
    ends = configured if isinstance(configured, list) else [configured]
    ends += [loaded.tokenizer.eos_token_id, known.get("<|im_end|>")]
    return frozenset(end for end in ends if end is not None)
