"""Every pod of an evaluation finds the same deal, and none has much more than another."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from assay.api.execution import EvaluateExecution
from assay_pipelines.evaluate.dealing import POD, Pods, Size, deal, pods_of

sizes = st.lists(
    st.builds(
        Size,
        tokens=st.integers(1, 1000),
        beginning=st.lists(st.integers(0, 1), max_size=1).map(tuple),
    ),
    max_size=40,
)


def has(dealt, all_of_them, *, pods):
    """Return the tokens of each pod."""
    tokens = Counter(dict.fromkeys(range(pods), 0))
    for pod, size in zip(dealt, all_of_them, strict=True):
        tokens[pod] += size.tokens
    return [tokens[pod] for pod in range(pods)]


@given(sizes, st.integers(1, 5), st.integers(0, 9))
def test_every_batch_is_dealt_to_one_of_the_pods_and_always_to_the_same(some, pods, first):
    dealt = deal(some, pods=pods, first=first)

    assert len(dealt) == len(some)
    assert set(dealt) <= set(range(pods))
    assert dealt == deal(some, pods=pods, first=first)


@given(sizes, st.integers(1, 5))
def test_no_pod_has_more_than_another_by_a_batch_and_a_quarter_of_an_even_deal(some, pods):
    found = has(deal(some, pods=pods), some, pods=pods)

    most = max((size.tokens for size in some), default=0)
    assert max(found) - min(found) <= max(most, sum(found) / pods / 4)


def test_the_largest_batches_are_dealt_first():
    assert deal([Size(tokens=tokens) for tokens in (1, 2, 3, 9)], pods=2) == [1, 1, 1, 0]


def test_batches_that_go_on_from_one_beginning_stay_together():
    families = [Size(tokens=10, beginning=(family,)) for family in range(8) for _ in range(3)]

    dealt = deal(families, pods=2)
    assert all(len(set(dealt[first : first + 3])) == 1 for first in range(0, 24, 3))
    assert has(dealt, families, pods=2) == [120, 120]


def test_a_beginning_that_all_batches_share_is_read_by_all_pods():
    family = [Size(tokens=10, beginning=(1, 2))] * 30

    assert has(deal(family, pods=3), family, pods=3) == [100, 100, 100]


def test_measures_of_one_batch_go_to_one_pod_after_another():
    assert [deal([Size(tokens=5)], pods=3, first=measure) for measure in range(4)] == [[0], [1], [2], [0]]


def test_a_process_that_nobody_told_its_number_is_alone_however_many_pods_are_asked_for():
    execution = EvaluateExecution(pods=3)

    assert pods_of(execution, {}) == Pods(count=1, index=0)
    assert pods_of(execution, {POD: "2"}) == Pods(count=3, index=2)
