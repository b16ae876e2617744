"""Rows that share a sequence learn as they do alone."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from assay.errors import StageError
from assay_pipelines.train.documents import join_documents
from assay_pipelines.train.examples import Examples
from assay_pipelines.train.layout import lay_out, places_of
from assay_pipelines.train.network import Network

SHAPE = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
GROUPED = {"num_key_value_heads": 2, "head_dim": 8}


def a_model(kind, **shape):
    torch.manual_seed(5)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SHAPE, **shape))


def some_examples(lengths):
    draw = np.random.default_rng(3)
    learned = draw.random(sum(lengths)) < 0.5
    offsets = np.cumsum([0, *lengths])
    learned[offsets[:-1]] = False
    learned[offsets[:-1] + 1] = True
    return Examples(
        ids=tuple(map(str, range(len(lengths)))),
        tokens=draw.integers(1, 300, sum(lengths)).astype(np.int32),
        learned=learned,
        offsets=offsets,
        targets=np.add.reduceat(learned.astype(np.int64), offsets[:-1]),
        notes={},
    )


def losses_and_gradients(model, examples, batches):
    """Return the loss of each micro-batch, and the gradient of their sum."""
    network = Network(model, torch.float32)
    model.zero_grad()
    losses = [network(*lay_out(examples, batch, torch.device("cpu"))) for batch in batches]
    sum(losses).backward()
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    return [loss.item() for loss in losses], gradients


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("llama", GROUPED),
        ("qwen2", {"num_key_value_heads": 2}),
        ("qwen3", GROUPED),
        ("mistral", GROUPED | {"sliding_window": 7}),
        ("gemma", GROUPED),
        ("olmo2", {"num_key_value_heads": 2}),
        ("phi3", {"num_key_value_heads": 2}),
        ("gpt_neox", {}),
    ],
)
def test_what_rows_learn_together_is_what_they_learn_alone(kind, shape):
    examples = some_examples([5, 23, 2, 11, 17])
    together = [[np.array([1, 3, 2]), np.array([0, 4])]]
    alone = [[np.array([row])] for row in (1, 3, 2, 0, 4)]
    model = a_model(kind, **shape)
    losses, gradients = losses_and_gradients(model, examples, alone)

    join_documents(model, kind)
    (loss,), joined = losses_and_gradients(model, examples, together)

    tokens = examples.targets.sum()
    assert loss / tokens == pytest.approx(sum(losses) / tokens, abs=1e-5)
    for name, gradient in gradients.items():
        assert (joined[name] - gradient).abs().max() / tokens < 1e-5, name


def test_the_loss_of_every_token_is_what_it_is_alone():
    examples = some_examples([5, 23, 2, 11])
    model = a_model("llama", **GROUPED)
    join_documents(model, "it")
    batch = lay_out(examples, [np.arange(4)], torch.device("cpu"))
    network = Network(model, torch.float32)

    for place in batch.learned[0].nonzero().ravel().tolist():
        one = torch.zeros_like(batch.learned)
        one[0, place] = True
        row = int(np.searchsorted(examples.offsets, place, side="right")) - 1
        begin = examples.offsets[row]
        single = lay_out(examples, [np.array([row])], torch.device("cpu"))
        alone = network(single.tokens, one[:, begin : begin + single.tokens.shape[1]])
        assert network(batch.tokens, one, batch.documents).item() == pytest.approx(alone.item(), abs=1e-5)


def test_rows_side_by_side_are_padded_and_rows_end_to_end_are_not():
    examples = some_examples([5, 23, 2])

    assert places_of(examples, [np.array([0]), np.array([1])]) == 2 * 23
    assert places_of(examples, [np.array([0, 1]), np.array([2])]) == 30


def test_a_model_that_lets_rows_meet_otherwise_is_refused():
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model("mamba", vocab_size=300, hidden_size=16, num_hidden_layers=1)
    )

    with pytest.raises(StageError) as caught:
        join_documents(model, "it")

    assert caught.value.reason == "PackingUnsupported"
