"""Keys come when they are due, once, to one worker at a time."""

import asyncio

import pytest

from assay_operator.queue import REST_SECONDS, DueQueue, Key
from clocks import Clock

A, B = Key(namespace="team", name="a"), Key(namespace="team", name="b")


@pytest.fixture
def clock():
    return Clock(1000.0)


def taken(queue):
    """Return what could be taken now, or None."""

    async def take():
        try:
            return await asyncio.wait_for(queue.take(), 0.01)
        except TimeoutError:
            return None

    return asyncio.run(take())


def test_the_earliest_comes_first(clock):
    queue = DueQueue(clock)
    queue.add(A, 20)
    queue.add(B, 10)
    clock.now += 30

    assert [taken(queue), taken(queue), taken(queue)] == [B, A, None]


def test_a_key_that_is_added_twice_comes_once_at_the_earlier_time(clock):
    queue = DueQueue(clock)
    queue.add(A, 20)
    queue.add(A, 5)
    queue.add(A, 50)
    clock.now += 6

    assert taken(queue) == A
    queue.done(A)
    clock.now += 60
    assert taken(queue) is None


def test_a_key_that_somebody_works_on_waits_until_it_is_done(clock):
    queue = DueQueue(clock)
    queue.add(A)
    assert taken(queue) == A
    queue.add(A)
    clock.now += REST_SECONDS
    assert taken(queue) is None

    queue.done(A)

    assert taken(queue) == A


def test_a_burst_is_one_wake_up(clock):
    queue = DueQueue(clock)
    queue.add(A)
    taken(queue)
    queue.done(A)
    for _ in range(100):
        queue.add(A)

    assert taken(queue) is None
    clock.now += REST_SECONDS
    assert taken(queue) == A


def test_whoever_waits_gets_a_key_that_is_added_meanwhile():
    queue = DueQueue()

    async def meet():
        waiting = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        queue.add(A)
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(meet()) == A
