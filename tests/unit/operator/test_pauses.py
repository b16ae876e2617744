"""How long to wait before a watch is asked for again, with a clock of the test's own."""

import pytest

from assay_operator.pauses import Pauses
from clocks import Clock


@pytest.fixture
def clock():
    return Clock(0.0)


@pytest.fixture
def paused(clock):
    return Pauses(clock)


def watched(paused, clock, *, lived=0.0, lines=0):
    paused.answered()
    clock.now += lived
    for _ in range(lines):
        paused.told()


def test_the_longer_nothing_is_answered_the_longer_the_waits(paused):
    assert [paused.broke() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert {paused.broke() for _ in range(5000)} == {30}


def test_a_list_ends_the_failures_before_it(paused):
    for _ in range(9):
        paused.broke()
    paused.listed()

    assert paused.broke() == 1


@pytest.mark.parametrize("well", [{"lines": 1}, {"lived": 60.0}])
def test_a_watch_that_told_or_lived_ends_the_failures_before_it_and_is_none_itself(paused, clock, well):
    for _ in range(9):
        paused.broke()
    watched(paused, clock, **well)
    assert paused.broke() == 1
    watched(paused, clock, **well)
    assert paused.broke() == 1  # each time: a proxy that cuts what is quiet is no outage
    watched(paused, clock, **well)
    assert paused.ended() == 0


def test_watches_that_end_at_once_and_tell_nothing_are_waited_between(paused, clock):
    waits = []
    for _ in range(3):
        watched(paused, clock)
        waits.append(paused.ended())

    assert waits == [1, 2, 4]


def test_a_place_that_is_lost_once_is_found_at_once_and_one_that_is_lost_again_and_again_is_not(
    paused, clock
):
    waits = []
    for _ in range(4):
        paused.listed()
        watched(paused, clock)
        waits.append(paused.lost())
    assert waits == [0, 1, 2, 4]

    watched(paused, clock, lines=1)
    assert paused.lost() == 0


def test_the_time_until_no_answer_comes_is_no_life(paused, clock):
    for expected in (1, 2, 4):
        clock.now += 60
        assert paused.broke() == expected
