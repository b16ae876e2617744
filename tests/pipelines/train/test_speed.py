"""Speeds, by hand."""

import numpy as np
import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from assay_pipelines.train.examples import Examples
from assay_pipelines.train.speed import operations_per_token


def examples(*lengths):
    tokens = sum(lengths)
    return Examples(
        ids=tuple(map(str, lengths)),
        tokens=np.zeros(tokens, np.int32),
        learned=np.ones(tokens, np.bool_),
        offsets=np.cumsum([0, *lengths]),
        targets=np.array(lengths),
        notes={},
    )


@pytest.mark.parametrize(("tied", "weights"), [(True, 100 * 8), (False, 100 * 8)])
def test_a_token_costs_six_operations_a_weight_that_multiplies_and_attention_over_its_context(tied, weights):
    shape = LlamaConfig(
        vocab_size=100,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=2,
        tie_word_embeddings=tied,
    )
    in_layers = 3 * (4 * 8 * 8 + 3 * 8 * 16 + 2 * 8) + 8

    found = operations_per_token(LlamaForCausalLM(shape), examples(10, 30))

    assert found == 6 * (in_layers + weights) + 12 * 3 * 8 * (100 + 900) / 40
