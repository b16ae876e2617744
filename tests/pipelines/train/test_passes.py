"""How a pass is dealt out."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from assay_pipelines.train import passes
from assay_pipelines.train.passes import Dealing, deal

LIMIT = 100

lengths = some.lists(some.integers(2, LIMIT), min_size=1, max_size=60).map(np.array)
orders = lengths.flatmap(
    lambda given: some.tuples(some.just(given), some.permutations(range(len(given))).map(np.array))
)


@given(orders, some.sampled_from(["examples", "packedSequences", "tokens"]), some.integers(1, 300))
def test_a_pass_sees_every_row_once_in_steps_of_whole_sequences(case, unit, size):
    lengths, order = case

    dealt = deal(order, lengths, Dealing(unit=unit, size=size, limit=LIMIT))
    batches = [dealt.batch(step) for step in range(len(dealt.steps) - 1)]

    assert sorted(row for batch in batches for rows in batch for row in rows) == list(range(len(lengths)))
    assert min(map(len, batches)) >= 1
    if unit != "tokens":
        assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
        assert len(batches[-1]) <= size
    assert np.diff(dealt.ends, prepend=0).tolist() == [sum(map(len, batch)) for batch in batches]


@given(orders)
def test_examples_come_one_by_one_in_the_order_of_the_pass(case):
    lengths, order = case

    dealt = deal(order, lengths, Dealing(unit="examples", size=1, limit=LIMIT))

    assert [rows.tolist() for rows in dealt.batch(0)] == [[order[0]]]
    assert dealt.rows.tolist() == order.tolist()


@given(orders, some.integers(1, 300))
def test_a_step_of_tokens_takes_rows_in_order_until_the_next_would_not_fit(case, size):
    lengths, order = case

    dealt = deal(order, lengths, Dealing(unit="tokens", size=size, limit=LIMIT))
    steps = [np.concatenate(dealt.batch(step)) for step in range(len(dealt.steps) - 1)]

    assert np.concatenate(steps).tolist() == order.tolist()
    assert all(len(rows) == 1 or lengths[rows].sum() <= size for rows in steps)
    for rows, following in itertools.pairwise(steps):
        assert lengths[rows].sum() + lengths[following[0]] > size


@given(orders)
def test_packed_rows_fit_and_no_two_sequences_of_a_window_would_fit_into_one(case):
    lengths, order = case

    dealt = deal(order, lengths, Dealing(unit="packedSequences", size=1000, limit=LIMIT))
    filled = sorted(int(lengths[rows].sum()) for rows in dealt.batch(0))

    assert filled[-1] <= LIMIT
    assert len(filled) == 1 or filled[0] + filled[1] > LIMIT


@given(orders)
def test_a_sequence_stands_where_its_longest_row_stood_and_its_rows_in_order(case):
    lengths, order = case
    place = {row: index for index, row in enumerate(order.tolist())}

    batch = deal(order, lengths, Dealing(unit="packedSequences", size=1000, limit=LIMIT)).batch(0)

    places = [[place[row] for row in rows] for rows in batch]
    assert all(one == sorted(one) for one in places)
    heads = [min(at for at in one if lengths[order[at]] == max(lengths[order[one]])) for one in places]
    assert heads == sorted(heads)


def test_rows_share_sequences_only_within_a_window(monkeypatch):
    monkeypatch.setattr(passes, "WINDOW", 10)
    lengths = np.full(25, 3)

    batch = deal(np.arange(25), lengths, Dealing(unit="packedSequences", size=100, limit=LIMIT)).batch(0)

    assert [rows.tolist() for rows in batch] == [
        list(range(10)),
        list(range(10, 20)),
        list(range(20, 25)),
    ]
