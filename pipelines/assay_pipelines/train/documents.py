"""Attention among the tokens of one document only, where several stand in one line.

A causal mask of the whole line would cost its length squared, and what a masked kernel takes besides. On GPUs in half precision
torch's attention for lines of several documents (FlashAttention) takes the whole line; elsewhere each document is attended to by
itself, with the kernel that torch takes for causal attention, on any device. Positions begin again with each document, so what a
model computes for one does not depend on what stands beside it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from assay.errors import StageError

# Models in which tokens meet in this attention alone, at positions that are given: no recurrence, no bias of their own.
_JOINING = frozenset({"gpt_neox", "gemma", "llama", "mistral", "olmo2", "phi3", "qwen2", "qwen3"})
_NAME = "assay_documents"


def join_documents(model: Any, name: str) -> None:
    """Let a model take lines of several documents.

    Raises:
        StageError: `PackingUnsupported`: this program does not know how.

    """
    kind = model.config.model_type
    if kind not in _JOINING:
        raise StageError(
            "PackingUnsupported",
            f"model {name}",
            f"found a {kind}, expected one of {', '.join(sorted(_JOINING))} for sequences that several chats share",
            "Count batchSize in examples or tokens.",
        )
    model.set_attn_implementation(_NAME)


@dataclass(frozen=True)
class Line:
    """Where documents lie in one line: their lengths, or, for a kernel that takes the whole line, their bounds on the device."""

    lengths: tuple[int, ...] = ()
    bounds: torch.Tensor | None = None  # int32, (documents + 1,)
    longest: int = 0  # or more


def apart(documents: tuple[int, ...], device: torch.device, *, half: bool) -> dict[str, Any]:
    """Return what a model that joins documents is given with one line of documents of so many tokens."""
    positions = torch.from_numpy(np.concatenate([np.arange(length) for length in documents]))[None]
    if device.type == "cuda" and half:
        bounds = torch.from_numpy(np.cumsum([0, *documents], dtype=np.int32))
        # A power of two, so that a compiled model is not compiled again for every line.
        line = Line(bounds=bounds.to(device), longest=1 << (max(documents) - 1).bit_length())
    else:
        line = Line(lengths=documents)
    return {"position_ids": positions.to(device), "line": line}


def _attend(  # noqa: PLR0913 -- transformers calls it
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,  # noqa: ARG001 -- there is none for an attention of this name
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    line: Line = Line(),
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within documents, or within lines if none are told; (lines, heads, tokens, width) each."""
    if line.bounds is not None:
        return _attend_at_once(query, key, value, line, (scaling, sliding_window)), None
    lengths = list(line.lengths) or [query.shape[2]]
    queries, keys, values = (torch.split_with_sizes(states, lengths, dim=2) for states in (query, key, value))
    attended = [
        sdpa_attention_forward(
            module,
            one,
            keys[number],
            values[number],
            _window(one, sliding_window),
            dropout=dropout,
            scaling=scaling,
        )[0]
        for number, one in enumerate(queries)
    ]
    return (torch.cat(attended, dim=1) if len(attended) > 1 else attended[0]), None


def _attend_at_once(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    line: Line,
    settings: tuple[float | None, int | None],
) -> torch.Tensor:
    scaling, window = settings
    groups = query.shape[1] // key.shape[1]
    # Rotated queries and keys come in fp32, which autocast leaves to a kernel that it does not know.
    states = (query.to(value.dtype), repeat_kv(key.to(value.dtype), groups), repeat_kv(value, groups))
    flat = [one[0].transpose(0, 1) for one in states]
    attended: torch.Tensor = varlen_attn(
        *flat,
        line.bounds,
        line.bounds,
        line.longest,
        line.longest,
        scale=scaling,
        window_size=(-1 if window is None else window - 1, 0),
    )
    return attended[None]


def _window(query: torch.Tensor, width: int | None) -> torch.Tensor | None:
    """Mask what lies further back than a window, where a document is longer than it."""
    length = query.shape[2]
    if width is None or length <= width:
        return None
    back = torch.arange(length, device=query.device)[:, None] - torch.arange(length, device=query.device)
    return ((back >= 0) & (back < width))[None, None]


AttentionInterface.register(_NAME, _attend)
