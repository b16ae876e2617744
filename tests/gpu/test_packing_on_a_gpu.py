"""On a GPU: `pytest tests/gpu`. Elsewhere nothing here is collected."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from assay_pipelines.train.documents import join_documents
from assay_pipelines.train.examples import Examples
from assay_pipelines.train.layout import lay_out
from assay_pipelines.train.network import Network, compile_layers

GPU = torch.device("cuda")
SHAPE = {
    "vocab_size": 1000,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
}
LENGTHS = [5, 700, 2, 211, 317, 64]


def a_model(kind, **shape):
    torch.manual_seed(5)
    return AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SHAPE | shape)).to(GPU)


@pytest.fixture(scope="module")
def examples():
    draw = np.random.default_rng(3)
    offsets = np.cumsum([0, *LENGTHS])
    learned = np.ones(offsets[-1], dtype=np.bool_)
    learned[offsets[:-1]] = False
    return Examples(
        ids=tuple(map(str, range(len(LENGTHS)))),
        tokens=draw.integers(1, 1000, offsets[-1]).astype(np.int32),
        learned=learned,
        offsets=offsets,
        targets=np.array(LENGTHS) - 1,
        notes={},
    )


def learned_from(network, examples, batches):
    """Return the loss per token, and the gradient of every weight, of some micro-batches together."""
    network.model.zero_grad()
    total = sum(network(*lay_out(examples, batch, GPU)) for batch in batches) / examples.targets.sum()
    total.backward()
    return total.item(), {name: one.grad.clone() for name, one in network.model.named_parameters()}


def far_apart(one, other):
    return max(
        ((other[name] - slope).norm() / slope.norm()).item()
        for name, slope in one.items()
        if slope.norm() > 0
    )


@pytest.mark.parametrize(
    ("kind", "shape"), [("llama", {}), ("mistral", {"sliding_window": 100}), ("qwen3", {"head_dim": 32})]
)
def test_rows_in_one_line_learn_in_half_precision_what_they_learn_alone(kind, shape, examples):
    model = a_model(kind, **shape)
    alone = [[np.array([row])] for row in range(len(LENGTHS))]
    loss, slopes = learned_from(Network(model, torch.bfloat16), examples, alone)
    exact, _ = learned_from(Network(model, torch.float32), examples, alone)

    join_documents(model, kind)
    together, found = learned_from(Network(model, torch.bfloat16), examples, [[np.arange(len(LENGTHS))]])

    assert together == pytest.approx(loss, abs=max(1e-3, 2 * abs(loss - exact)))
    assert far_apart(slopes, found) < 0.02


def test_compiled_layers_learn_the_same_and_are_compiled_once_for_lines_of_any_length(examples):
    model = a_model("llama")
    join_documents(model, "llama")
    network = Network(model, torch.bfloat16)
    lines = [[[np.array([0, 1])]], [[np.array([2, 3, 4])]], [[np.array([5, 1, 2])]]]
    plain = [learned_from(network, examples, line) for line in lines]

    compile_layers(model, "llama")
    torch._dynamo.config.error_on_recompile = True
    compiled = [learned_from(network, examples, line) for line in lines]

    for (loss, slopes), (other, found) in zip(plain, compiled, strict=True):
        assert other == pytest.approx(loss, abs=1e-3)
        assert far_apart(slopes, found) < 0.02
