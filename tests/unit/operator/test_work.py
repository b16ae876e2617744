"""What concerns many stages is done at once."""

import threading

import pytest

from assay_operator.work import Together


def test_what_fails_is_raised_once_nothing_is_underway():
    failing, done, both = threading.Event(), [], threading.Barrier(2, timeout=60)

    def act(number):
        both.wait()
        if number == 0:
            failing.set()
            raise ValueError(number)
        assert failing.wait(60)
        done.append(number)

    with pytest.raises(ValueError, match="0"):
        Together()(act, range(2))
    assert done == [1]


def test_where_everything_fails_most_is_not_even_tried():
    tried = []

    def act(number):
        tried.append(number)
        raise ValueError(number)

    with pytest.raises(ValueError, match=r"[0-9]"):
        Together()(act, range(100))
    assert len(tried) <= 8


def test_those_who_wait_for_something_that_is_dead_hold_up_nobody_else():
    together, is_over = Together(), threading.Event()
    waiting = threading.Semaphore(0)

    def stuck(_):
        waiting.release()
        assert is_over.wait(60)

    dead = [threading.Thread(target=together, args=(stuck, range(100))) for _ in range(9)]
    for thread in dead:
        thread.start()
    for _ in range(9):
        assert waiting.acquire(timeout=60)
    done = []
    try:
        together(done.append, range(100))
    finally:
        is_over.set()
        for thread in dead:
            thread.join()
    assert sorted(done) == list(range(100))


def test_one_alone_has_a_few_underway_and_no_more():
    most, lock, underway = [0], threading.Lock(), [0]
    several = threading.Barrier(8, timeout=60)

    def act(_):
        with lock:
            underway[0] += 1
            most[0] = max(most[0], underway[0])
        several.wait()
        with lock:
            underway[0] -= 1
        several.wait()

    Together()(act, range(16))
    assert most[0] == 8


def test_nothing_waits_for_what_is_before_it():
    both = threading.Barrier(2, timeout=60)

    Together()(lambda _: both.wait(), range(2))  # one by one, the first would wait for the second for ever
