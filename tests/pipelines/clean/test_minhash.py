"""Candidates by MinHash: Lee et al.'s S-curve, and otherwise what the exact join gives."""

import hashlib
import math
import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from scipy.stats import binom

from assay.api.clean import NearDuplicates
from assay.plan.identity import identity
from assay_pipelines.clean.near.minhash import BANDS, ROWS, banded
from assay_pipelines.clean.near.shingles import flat, listed
from assay_pipelines.clean.rows import mixed
from plain_clusters import SOME, compared, edited, joined, words

PAIRS = 400
COMMON = 84  # words of each pair's two chats, beside those that only one of them has


def pairs_at(similarity, seed):
    """Return pairs of texts whose sets of words have, as nearly as whole words can, this Jaccard similarity; and which."""
    draw = random.Random(seed)
    apart = round(COMMON * (1 / similarity - 1))
    texts = []
    for pair in range(PAIRS):
        common = words(COMMON, f"c{seed}.{pair}.")
        for side, extra in (("l", apart // 2), ("r", apart - apart // 2)):
            text = common + words(extra, f"{side}{seed}.{pair}.")
            draw.shuffle(text)
            texts.append(joined(text))
    return texts, COMMON / (COMMON + apart)


@pytest.mark.parametrize(
    ("similarity", "expected"), [(0.7, 0.30), (0.75, 0.76), (0.8, 0.9946), (0.85, 1), (0.9, 1)]
)
@pytest.mark.parametrize("seed", range(3))
def test_pairs_meet_with_the_chances_of_450_bands_of_20_rows(similarity, expected, seed):
    texts, planted = pairs_at(similarity, seed)
    assert math.isclose(planted, similarity, abs_tol=0.004)
    chance = 1 - (1 - planted**20) ** 450
    assert math.isclose(chance, expected, abs_tol=0.03)
    _, dropped = compared(texts, candidates="minhash", shingle=1, jaccard=0.5, editSimilarity=0)
    assert all(place // 2 == survivor // 2 for place, (survivor, *_) in dropped.items())
    low, high = binom.interval(0.999, PAIRS, chance)
    assert low <= len(dropped) <= high


def test_bands_are_20_rows_and_not_the_other_way_round():
    assert (BANDS, ROWS) == (450, 20)


@settings(max_examples=40)
@given(SOME)
def test_nothing_is_dropped_that_the_exact_join_keeps_apart(some):
    texts = [edited(seed, edits) for seed, edits, _ in some]
    step = {"shingle": 2, "jaccard": 0.6, "editSimilarity": 0.5}
    _, exact = compared(texts, **step)
    _, drawn = compared(texts, candidates="minhash", **step)
    assert len(drawn) <= len(exact)
    clusters = {place: survivor for place, (survivor, *_) in exact.items()}
    for place, (survivor, *_) in drawn.items():
        assert clusters.get(place, place) == clusters.get(survivor, survivor)


def test_far_above_the_threshold_it_finds_what_the_exact_join_finds():
    texts = [
        text
        for pair in range(100)
        for text in (joined(words(200, f"p{pair}.")), joined(words(196, f"p{pair}.")))
    ]
    _, exact = compared(texts)
    assert compared(texts, candidates="minhash")[1] == exact
    assert len(exact) == 100


def test_the_answer_does_not_depend_on_how_rows_are_cut_or_ordered():
    texts, _ = pairs_at(0.7, 0)
    step = {"candidates": "minhash", "shingle": 1, "jaccard": 0.5, "editSimilarity": 0}
    whole = compared(texts, **step)[1]
    assert 0 < len(whole) < PAIRS
    for cuts in ([1], [7, 400, 401], range(50, 800, 50)):
        assert compared(texts, cuts=cuts, turned=True, **step)[1] == whole
    order = np.random.default_rng(0).permutation(len(texts))
    _, again = compared([texts[place] for place in order], **step)
    pairs = {frozenset((place, survivor)) for place, (survivor, *_) in whole.items()}
    assert {frozenset((int(order[a]), int(order[b]))) for a, (b, *_) in again.items()} == pairs


def test_bands_are_the_same_ones_in_every_release():
    shingles = mixed(np.arange(300, dtype=np.uint64))
    table = pa.table([[1, 2], listed(shingles, np.array([0, 1, 300]))], ["row", "shingles"])
    keys = flat(banded(table)["prefix"])[0]
    assert len(set(keys.tolist())) == 2 * BANDS
    assert hashlib.sha256(keys.tobytes()).hexdigest()[:16] == "42ab848854e4a1ad"


def test_its_absence_is_no_part_of_the_identity():
    assert "candidates" not in identity(NearDuplicates())
    assert identity(NearDuplicates(candidates="minhash"))["candidates"] == "minhash"
