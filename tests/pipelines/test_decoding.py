import numpy as np
import pytest

from assay_pipelines.decoding import sample

SHARES = np.array([0.1, 0.6, 0.3])


def test_tokens_come_as_often_as_they_are_likely():
    draws = (np.arange(1000) + 0.5) / 1000
    chosen = sample(np.tile(np.log(SHARES), (1000, 1)), draws, top_p=1)

    assert np.bincount(chosen) / 1000 == pytest.approx(SHARES, abs=0.001)


def test_only_the_likeliest_that_together_hold_top_p_are_taken():
    draws = (np.arange(1000) + 0.5) / 1000
    chosen = sample(np.tile(np.log(SHARES), (1000, 1)), draws, top_p=0.85)

    assert np.bincount(chosen) / 1000 == pytest.approx([0, 2 / 3, 1 / 3], abs=0.001)


def test_a_token_that_holds_top_p_alone_is_always_taken():
    chosen = sample(np.log(SHARES)[None, :], np.array([0.999999]), top_p=0.6)

    assert chosen == [1]


def test_the_greatest_draw_takes_a_token_that_is_there():
    chosen = sample(np.zeros((1, 50)), np.array([np.nextafter(1, 0)]), top_p=1)

    assert chosen == [49]
