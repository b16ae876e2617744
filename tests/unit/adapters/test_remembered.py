"""Answers that are believed for some seconds."""

import itertools

from assay.adapters.remembered import Remembered


def test_an_answer_is_believed_for_a_while_and_then_asked_for_again():
    now, answers = [0.0], itertools.count()
    remembered = Remembered(clock=lambda: now[0])

    def asked():
        return remembered.of(("pods", "team"), lambda: next(answers))

    assert [asked(), asked()] == [0, 0]
    now[0] = 5.1
    assert asked() == 1
    remembered.forget(("pods", "team"))
    assert asked() == 2


def test_that_there_is_none_is_an_answer_too():
    remembered = Remembered()
    answers = iter([None, "late"])

    assert [remembered.of(("profile",), lambda: next(answers)) for _ in range(2)] == [None, None]


def test_questions_have_answers_of_their_own():
    remembered = Remembered()

    assert [remembered.of((name,), lambda name=name: name) for name in ("red", "blue", "red")] == [
        "red",
        "blue",
        "red",
    ]


def test_an_answer_that_was_underway_when_it_was_forgotten_is_not_believed():
    remembered = Remembered()

    def overtaken():
        remembered.forget(("profile",))  # it changes after the API server has read it
        return "before"

    assert remembered.of(("profile",), overtaken) == "before"
    assert remembered.of(("profile",), lambda: "now") == "now"


def test_an_answer_that_comes_late_does_not_take_the_place_of_one_that_was_asked_for_after_it():
    now = [0.0]
    remembered = Remembered(clock=lambda: now[0])

    def slow():
        now[0] = 1.0
        remembered.of(("pods",), lambda: "now")
        return "before"

    assert remembered.of(("pods",), slow) == "before"
    assert remembered.of(("pods",), lambda: "asked again") == "now"
