"""What concerns many stages is done at once."""

import threading

import pytest

from assay_operator.work import Together


def test_all_is_done_before_what_failed_is_raised():
    done = []

    def act(number):
        if number == 1:
            raise ValueError(number)
        done.append(number)

    with pytest.raises(ValueError, match="1"):
        Together()(act, range(4))
    assert sorted(done) == [0, 2, 3]


def test_nothing_waits_for_what_is_before_it():
    both = threading.Barrier(2, timeout=60)

    Together()(lambda _: both.wait(), range(2))  # one by one, the first would wait for the second for ever
