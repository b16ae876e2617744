"""The loss of what is predicted, summed in parts, is that of all logits at once."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from assay_pipelines.train.output import summed_loss


def a_product(tokens, vocabulary, width=8):
    torch.manual_seed(7)
    hidden = torch.randn(tokens, width, requires_grad=True)
    weight = (torch.randn(vocabulary, width) / 2).requires_grad_()
    return hidden, weight, torch.randint(0, vocabulary, (tokens,))


def with_gradients(loss, *leaves):
    for leaf in leaves:
        leaf.grad = None
    (loss / 3).backward()
    return loss.item(), [leaf.grad.clone() for leaf in leaves]


@pytest.mark.parametrize(("tokens", "vocabulary"), [(1, 5), (60, 300), (5000, 2**13)])
def test_loss_and_gradients_in_parts_are_those_of_all_logits(tokens, vocabulary):
    hidden, weight, wanted = a_product(tokens, vocabulary)

    whole, slopes = with_gradients(
        cross_entropy(hidden @ weight.t(), wanted, reduction="sum"), hidden, weight
    )
    loss, found = with_gradients(summed_loss(hidden, weight, wanted, torch.float32), hidden, weight)

    assert loss == pytest.approx(whole, rel=1e-6)
    for one, other in zip(found, slopes, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_sums_of_half_precision_are_kept_in_full():
    hidden, weight, wanted = a_product(3000, 300)
    half = hidden.bfloat16().float(), weight.bfloat16().float()
    whole = cross_entropy((half[0] @ half[1].t()).bfloat16().float(), wanted, reduction="sum")

    loss = summed_loss(hidden, weight, wanted, torch.bfloat16)

    assert loss.dtype is torch.float32
    assert loss.item() == pytest.approx(whole.item(), rel=1e-5)


def test_no_tokens_teach_nothing():
    hidden, weight, wanted = a_product(0, 5)

    loss, slopes = with_gradients(summed_loss(hidden, weight, wanted, torch.float32), hidden, weight)

    assert loss == 0
    assert not slopes[1].any()


def test_a_frozen_matrix_gets_no_gradient():
    hidden, weight, wanted = a_product(4, 5)
    weight.requires_grad_(requires_grad=False)

    summed_loss(hidden, weight, wanted, torch.float32).backward()

    assert hidden.grad is not None
    assert weight.grad is None
