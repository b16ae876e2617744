"""The widest product of a language model, hidden states times the output matrix, and the loss of what it predicts.

All logits at once would be the largest thing in memory, and are read only to be summed up. Here they are made for some tokens at a
time, and their gradients with them (Hsu et al. 2024, "Liger Kernel", §3.2), so that none outlives its turn. The sums are in
fp32 whatever the precision: torch's own `linear_cross_entropy` returns a sum in bf16 there, which has three digits.
"""

from typing import Any

import torch

from assay.api.memory import LOGITS

_LOGITS = {"cuda": LOGITS, "cpu": LOGITS // 4}  # at a time: 128 MiB in fp32 on CPUs, where more gains nothing


def summed_loss(
    hidden: torch.Tensor, weight: torch.Tensor, wanted: torch.Tensor, precision: torch.dtype
) -> torch.Tensor:
    """Return the sum of cross-entropies, a scalar in fp32.

    `hidden` is (tokens, width), `weight` (vocabulary, width), `wanted` the tokens to be predicted, int64.
    """
    loss: torch.Tensor = _SummedLoss.apply(hidden, weight, wanted, precision)
    return loss


class _SummedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        wanted: torch.Tensor,
        precision: torch.dtype,
    ) -> torch.Tensor:
        states, matrix = hidden.to(precision), weight.to(precision)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        of_hidden = torch.empty_like(hidden)
        of_weight = None
        for some, targets, out in zip(
            *(_parts(one, weight) for one in (states, wanted, of_hidden)), strict=True
        ):
            logits = (some @ matrix.t()).float()
            sums = logits.logsumexp(dim=1, keepdim=True)
            total += (sums - logits.gather(1, targets[:, None])).sum()
            slopes = logits.sub_(sums).exp_()  # shares, of which that of the right token falls short of 1
            slopes[torch.arange(len(targets), device=targets.device), targets] -= 1
            slopes = slopes.to(precision)
            out.copy_(slopes @ matrix)
            if ctx.needs_input_grad[1]:
                more = (slopes.t() @ some).to(weight.dtype)
                of_weight = more if of_weight is None else of_weight.add_(more)
        ctx.save_for_backward(of_hidden, of_weight)
        return total

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        of_hidden, of_weight = ctx.saved_tensors
        # in place: as large as the matrix, and read once
        return of_hidden * slope, None if of_weight is None else of_weight.mul_(slope), None, None


def _parts(tensor: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return torch.split(tensor, max(1, _LOGITS[weight.device.type] // len(weight)))
