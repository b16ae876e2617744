"""Attention among the tokens of one document only, where several stand in one line.

A causal mask of the whole line would cost its length squared, and what a masked kernel takes besides; here each document is
attended to by itself, with the kernel that torch takes for causal attention, on any device. Positions begin again with each
document, so what a model computes for one does not depend on what stands beside it.
"""

from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

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


def positions_in(documents: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Number the tokens of one line within their documents, (1, tokens)."""
    return torch.cat([torch.arange(length, device=device) for length in documents])[None]


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
    documents: tuple[int, ...] = (),
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend within documents of so many tokens, or within lines if there are none; (lines, heads, tokens, width) each."""
    lengths = list(documents) or [query.shape[2]]
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


def _window(query: torch.Tensor, width: int | None) -> torch.Tensor | None:
    """Mask what lies further back than a window, where a document is longer than it."""
    length = query.shape[2]
    if width is None or length <= width:
        return None
    back = torch.arange(length, device=query.device)[:, None] - torch.arange(length, device=query.device)
    return ((back >= 0) & (back < width))[None, None]


AttentionInterface.register(_NAME, _attend)
