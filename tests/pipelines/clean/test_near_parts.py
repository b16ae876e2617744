"""Similar chats, part by part: what comes out depends on no number of parts, and what is held at a time does not grow."""

import random
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay_pipelines.clean.near.parts import ENTRIES, Turn, gathered
from plain_clusters import SOME, Measured, Sizes, compared, edited, joined, small, words

LENGTH = 200  # words of a chat
SMALL = {"part": 3000, "batch": 20_000, "pairs": 400}


def near_copies(clusters, members=3):
    """Return texts each of which has near copies, as many as there are members in a cluster; they stand far apart."""
    texts = [
        joined(words(LENGTH - place, f"c{number}.")) for place in range(members) for number in range(clusters)
    ]
    return random.Random(0).sample(texts, len(texts))


def measured(texts, **step):
    sizes = Sizes()
    with small(**SMALL):
        cuts = range(0, len(texts), 50)
        _, dropped = compared(texts, cuts=cuts, held=partial(Measured, sizes=sizes), **step)
    return dropped, sizes


@settings(max_examples=60)
@given(
    SOME,
    st.sampled_from(["exact", "minhash"]),
    st.tuples(st.integers(1, 60), st.integers(1, 80), st.integers(1, 20)),
    st.sets(st.integers(0, 16)),
    st.booleans(),
)
def test_small_parts_and_batches_give_what_one_of_each_gives(some, candidates, sizes, cuts, turned):
    texts = [edited(seed, edits) for seed, edits, _ in some]
    step = {"shingle": 2, "jaccard": 0.5, "editSimilarity": 0.5, "candidates": candidates}
    whole = compared(texts, **step)[1]
    part, batch, pairs = sizes
    part *= 100 if candidates == "minhash" else 1  # 450 bands per chat
    with small(part=part, batch=batch, pairs=pairs):
        parted = compared(texts, cuts={cut for cut in cuts if cut <= len(texts)}, turned=turned, **step)[1]
    assert parted == whole


def test_where_all_chats_have_near_copies_one_of_each_cluster_stays():
    texts = near_copies(500)
    dropped, sizes = measured(texts)
    assert len(dropped) == 1000
    assert all(texts[place].split()[0] == texts[stays].split()[0] for place, (stays, *_) in dropped.items())
    assert dropped == compared(texts)[1]
    assert len(sizes.gathered) > 40


def test_what_a_worker_gathers_does_not_grow_with_the_chats_and_what_the_driver_sees_is_numbers_of_each():
    few, many = (measured(near_copies(clusters))[1] for clusters in (100, 800))
    assert sum(many.gathered) > 6 * sum(few.gathered)
    longest = 2 * LENGTH
    bound = max(24 * SMALL["part"], 8 * (SMALL["batch"] + longest)) * 1.5
    assert max(many.gathered) < bound
    assert many.brought < 2400 * 8 * LENGTH / 4  # a quarter of the hashes of all words


def test_chats_that_are_linked_do_not_meet_again():
    texts = [joined(words(40), [f"name{place}"], words(40, "x")) for place in range(2000)]
    dropped, sizes = measured(texts)
    assert len(dropped) == 1999
    assert sizes.judged < 10 * len(texts)  # of two million pairs


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 12)), max_size=60), st.integers(1, 5), st.data())
def test_all_turns_together_offer_every_pair_that_shares_a_shingle_and_is_not_linked(some, most, data):
    entries = sorted(set(some))
    cluster = np.array(data.draw(st.lists(st.integers(0, 3), min_size=13, max_size=13)), np.int64)
    table = gathered(
        ENTRIES.empty_table().from_arrays(
            [
                np.array([shingle for shingle, _ in entries], np.uint64),
                np.array([chat for _, chat in entries], np.int64),
                np.zeros(len(entries), np.int64),
            ],
            schema=ENTRIES,
        )
    )
    expected = {
        (one, other)
        for shingle, one in entries
        for same, other in entries
        if shingle == same and one < other and cluster[one] != cluster[other]
    }
    turn = Turn(
        number=0,
        begin=np.zeros(1, np.int64),
        cluster=cluster,
        size=np.full(13, 9),
        jaccard=0.8,
        most=most,
    )
    found = set()
    while turn is not None:
        offered = turn(table)
        for one, other in zip(offered["one"].to_pylist(), offered["other"].to_pylist(), strict=True):
            found |= set(zip(one, other, strict=True))
        turn = turn.following(offered, cluster)
    assert found == expected


@pytest.mark.timeout(300)  # workers compile
def test_on_rays_workers_it_is_as_here(on_ray):
    from assay_pipelines.clean.on_ray import OnRay  # noqa: PLC0415 -- seconds, which other tests need not spend

    texts = near_copies(60)
    with small(**SMALL):
        held = partial(OnRay.of, cpus=2, memory_gib=0.5)
        assert not compared(texts, live=[], held=held)[1]
        assert compared(texts, cuts=range(0, 180, 20), turned=True, held=held)[1] == compared(texts)[1]
