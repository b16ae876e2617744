"""How long a replica may believe that it leads."""

from assay_operator.lease import Term
from clocks import Clock


def test_before_it_is_won_nothing_is_held_and_nothing_is_overdue():
    term = Term(10, Clock(100.0))

    assert (term.holds, term.overdue) == (False, None)


def test_a_term_counts_from_when_the_renewing_request_began_and_not_from_its_answer():
    clock = Clock(100.0)
    term = Term(10, clock)
    began = clock.now
    clock.now += 4  # the answer was slow
    term.renewed(began)

    clock.now = began + 9.9
    assert (term.holds, term.overdue) == (True, None)
    clock.now = began + 10
    assert (term.holds, term.overdue) == (False, 10)


def test_a_renewal_begins_a_new_term():
    clock = Clock(100.0)
    term = Term(10, clock)
    term.renewed(clock.now)
    clock.now += 8
    term.renewed(clock.now)
    clock.now += 8

    assert (term.holds, term.overdue) == (True, None)


def test_a_lease_that_was_given_back_is_neither_held_nor_missed():
    clock = Clock(100.0)
    term = Term(10, clock)
    term.renewed(clock.now)
    term.ended()
    clock.now += 100

    assert (term.holds, term.overdue) == (False, None)
