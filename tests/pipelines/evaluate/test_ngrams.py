"""The n-gram model of bytes against its definition, written down plainly."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_pipelines.evaluate.ngrams import coded_bits

LONGEST = 8
TEXTS = st.lists(st.text("ab é", max_size=12).map(str.encode), max_size=4)


def plain_bits(texts, learnt, order):
    """Count and interpolate as the definition says, one byte at a time."""
    follows = {}
    for text in learnt:
        padded = bytes(order - 1) + text
        for at in range(order - 1, len(padded)):
            for length in range(order):
                follows.setdefault(padded[at - length : at], Counter())[padded[at]] += 1

    def likely(context, byte):
        shorter = likely(context[1:], byte) if context else 1 / 256
        after = follows.get(context, Counter())
        if not after:
            return shorter
        return (after[byte] + len(after) * shorter) / (after.total() + len(after))

    return -sum(
        math.log2(likely(padded[at - order + 1 : at], padded[at]))
        for padded in (bytes(order - 1) + text for text in texts)
        for at in range(order - 1, len(padded))
    )


@given(TEXTS, TEXTS, st.integers(1, LONGEST))
@settings(max_examples=100)
def test_texts_cost_what_the_definition_says(texts, learnt, order):
    assert coded_bits(texts, learnt, order=order) == pytest.approx(plain_bits(texts, learnt, order))


@pytest.mark.parametrize("order", [1, 3, LONGEST])
def test_the_next_byte_is_surely_one_of_256(order):
    learnt, before = [b"rain and stones", b"rain and \xff\xff rivers"], b"rain and "

    start = coded_bits([before], learnt, order=order)
    following = [coded_bits([before + bytes([byte])], learnt, order=order) - start for byte in range(256)]

    assert sum(2.0**-bits for bits in following) == pytest.approx(1)


def test_a_model_that_has_read_nothing_takes_eight_bits_for_a_byte():
    assert coded_bits([b"rain", b"", b"stones"], [], order=5) == 80


def test_longer_contexts_tell_more_where_there_is_something_to_tell():
    draw = np.random.default_rng(0)
    words = [b"rain ", b"stones ", b"rivers ", b"and "]
    learnt, text = (b"".join(words[at] for at in draw.integers(4, size=2000)) for _ in range(2))

    costs = [coded_bits([text], [learnt], order=order) / len(text) for order in (1, 2, 4)]

    assert costs == sorted(costs, reverse=True)
    assert costs[-1] == pytest.approx(2 / np.mean([len(word) for word in words]), rel=0.1)  # two bits a word
