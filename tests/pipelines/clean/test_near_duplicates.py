"""Similar chats, held to brute force: every pair, sets of words in a row, and Levenshtein's table."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_pipelines.clean.near.edits import within
from assay_pipelines.clean.near.rarity import prefix_length
from assay_pipelines.clean.near.shingles import words_of
from assay_pipelines.clean.table import Chats
from plain_clusters import SOME, compared, edited, joined, words
from plain_steps import ids_of


def shingles(text, width=5):
    words = text.split()
    return {tuple(words[at : at + width]) for at in range(max(1, len(words) - width + 1))}


def jaccard(left, right, width=5):
    one, other = shingles(left, width), shingles(right, width)
    return len(one & other) / len(one | other)


def distance(left, right):
    row = list(range(len(right) + 1))
    for at, item in enumerate(left, 1):
        before, row = row, [at]
        for beside, other in enumerate(right, 1):
            row.append(min(before[beside] + 1, row[-1] + 1, before[beside - 1] + (item != other)))
    return row[-1]


def edit_similarity(left, right):
    one, other = left.split(), right.split()
    longer = max(len(one), len(other))
    return (longer - distance(one, other)) / longer if longer else 1.0


def clusters(texts, width, least, least_edit):
    """Return the number of each text's cluster, by brute force."""
    labels = list(range(len(texts)))
    for one, other in combinations(range(len(texts)), 2):
        similar = jaccard(texts[one], texts[other], width) >= least
        if similar and edit_similarity(texts[one], texts[other]) >= least_edit:
            old, new = labels[one], labels[other]
            labels = [new if label == old else label for label in labels]
    return labels


SETTINGS = st.fixed_dictionaries(
    {
        "shingle": st.integers(1, 5),
        "jaccard": st.sampled_from([0.05, 0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        "editSimilarity": st.sampled_from([0, 0.5, 0.7, 0.8, 0.9, 1]),
    }
)


@given(SOME, SETTINGS, st.sets(st.integers(0, 16)), st.booleans())
def test_of_what_a_chain_of_similar_pairs_connects_one_stays_as_brute_force_says(
    some, settings, cuts, turned
):
    texts = [edited(seed, edits) for seed, edits, _ in some]
    sources = [source for *_, source in some]
    labels = clusters(texts, settings["shingle"], settings["jaccard"], settings["editSimilarity"])
    cuts = {cut for cut in cuts if cut <= len(texts)}
    rows, dropped = compared(texts, sources=sources, cuts=cuts, turned=turned, **settings)
    ids, groups = ids_of(rows), {}
    for place, label in enumerate(labels):
        groups.setdefault(label, []).append((sources[place], ids[place], place))
    expected = {
        place: min(group)[2] for group in groups.values() for *_, place in group if place != min(group)[2]
    }
    assert {place: survivor for place, (survivor, *_) in dropped.items()} == expected
    for place, (survivor, score, cluster) in dropped.items():
        assert score == jaccard(texts[place], texts[survivor], settings["shingle"])
        assert {number for stays, _, number in dropped.values() if stays == survivor} == {cluster}
    left = [text for place, text in enumerate(texts) if place not in dropped]
    assert not compared(left, **settings)[1]


@pytest.mark.parametrize("changed", range(1, 14))
def test_a_pair_counts_from_a_jaccard_similarity_of_08_on(changed):
    text = words(104)  # 100 shingles; of them those that hold a changed word go
    copy = [*text[:40], *words(changed, "x"), *text[40 + changed :]]
    expected = (96 - changed) / (104 + changed)
    assert 0.7 < expected < 0.91
    _, dropped = compared([joined(text), joined(copy)])
    assert [score for _, score, _ in dropped.values()] == ([expected] if changed <= 7 else [])


def test_a_similarity_that_equals_the_threshold_counts():
    pair = [joined(words(9)), joined(words(8), ["x"])]  # 8 of 10 words, 1 edit in 9
    assert len(compared(pair, shingle=1, jaccard=0.8, editSimilarity=8 / 9)[1]) == 1
    assert not compared(pair, shingle=1, jaccard=0.81, editSimilarity=0)[1]
    assert not compared(pair, shingle=1, jaccard=0.8, editSimilarity=0.89)[1]


def test_the_same_words_in_another_order_are_not_similar():
    halves = [joined(words(50), words(50, "x")), joined(words(50, "x"), words(50))]
    assert jaccard(*halves) > 0.8
    assert not compared(halves)[1]
    assert len(compared(halves, editSimilarity=0)[1]) == 1


def test_a_chain_leaves_one_and_tells_how_far_the_others_are_from_it():
    chain = [joined(words(100)[: 100 - 5 * step], words(5 * step, "x")) for step in range(9)]
    assert all(jaccard(*pair) >= 0.8 for pair in pairwise(chain))
    rows, dropped = compared(chain)
    survivor = min(range(9), key=ids_of(rows).__getitem__)
    assert {stays for stays, *_ in dropped.values()} == {survivor}
    assert min(score for _, score, _ in dropped.values()) < 0.5


def test_texts_that_share_much_that_all_have_are_told_apart():
    common = words(60)
    texts = [joined(common, words(60, f"x{place}-")) for place in range(1500)]
    texts.append(joined(common, words(59, "x7-"), ["other"]))
    _, dropped = compared(texts, cuts=range(0, 1500, 300))
    assert len(dropped) == 1
    assert {*dropped, *(stays for stays, *_ in dropped.values())} == {7, 1500}


def test_thousands_from_one_template_are_one_cluster():
    texts = [joined(words(40), [f"name{place}"], words(40, "x")) for place in range(3000)]
    _, dropped = compared(texts, cuts=range(0, 3000, 500))
    assert len(dropped) == 2999
    assert {cluster for *_, cluster in dropped.values()} == {1}


def test_clusters_are_numbered_in_the_order_of_their_survivors():
    texts = [joined(words(20, f"x{place % 7}-")) for place in range(30)]
    rows, dropped = compared(texts)
    ids = ids_of(rows)
    survivors = sorted({(ids[stays], number) for stays, _, number in dropped.values()})
    assert [number for _, number in survivors] == list(range(1, 8))


def test_chats_shorter_than_a_shingle_are_similar_if_their_words_are_equal():
    texts = ["", " \n", "a b", "a  b", "a b c", "b a", "a b c d e", "a b c d", "a b c d"]
    rows, dropped = compared(texts)
    groups = [{0, 1}, {2, 3}, {7, 8}]
    expected = {place: min(group, key=ids_of(rows).__getitem__) for group in groups for place in group}
    assert {place: stays for place, (stays, *_) in dropped.items()} == {
        place: stays for place, stays in expected.items() if place != stays
    }


def test_rows_that_do_not_meet_the_step_are_not_compared():
    _, dropped = compared([joined(words(20))] * 4, live=[1, 3], cuts=[2])
    assert len(dropped) == 1
    assert {*dropped, *(stays for stays, *_ in dropped.values())} == {1, 3}


def test_nothing_is_dropped_of_nothing():
    assert not compared(["a"], live=[])[1]


def test_a_turn_of_a_megabyte_and_ten_thousand_turns_are_compared():
    long = words(150_000)
    pair = [joined(long), joined(long[:70_000], ["other"], long[70_001:])]
    assert len(compared(pair)[1]) == 1
    turns = [("user", f"turn {place}") for place in range(10_000)]
    hashes, starts = words_of(Chats.from_messages([turns, [("user", "\n".join(text for _, text in turns))]]))
    assert (hashes[: starts[1]] == hashes[starts[1] :]).all()


@given(
    st.lists(
        st.lists(
            st.text(
                "a\u00e9\u4e2d\U0001f600 \t\n\x1c\x85\xa0\u1680\u2003\u2028\u202f\u205f\u3000\u200b\u180e\ufeff"
            )
        )
    )
)
def test_words_are_those_of_str_split(chats):
    hashes, starts = words_of(Chats.from_messages([[("user", text) for text in chat] for chat in chats]))
    expected = [[word for text in chat for word in text.split()] for chat in chats]
    assert np.diff(starts).tolist() == [len(chat) for chat in expected]
    pairs = {
        (word, number)
        for word, number in zip((word for chat in expected for word in chat), hashes.tolist(), strict=True)
    }
    assert len(pairs) == len({word for word, _ in pairs}) == len({number for _, number in pairs})


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12), st.integers(0, 14))
def test_an_edit_distance_is_within_what_the_table_says(left, right, most):
    arrays = (np.array(side, np.uint64) for side in (left, right))
    assert within(*arrays, most) == (distance(left, right) <= most)


@given(st.integers(1, 300), st.floats(0.001, 1))
def test_a_prefix_is_no_longer_than_it_must_be(size, least):
    length = prefix_length(size, least)
    possible = [overlap for overlap in range(1, size + 1) if overlap / size >= least]
    assert length == size - min(possible) + 1
