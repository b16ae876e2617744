"""How questions stand in rows: over numbers that stand for tokens."""

import random

import pytest

from assay_pipelines.evaluate.rows import Question, rows_of

START = 5


def questions_of(count=40, *, longest=400, seed=0):
    draw = random.Random(seed)

    def tokens(least, most):
        return tuple(draw.randrange(1000) for _ in range(draw.randint(least, most)))

    return [
        Question(
            prompt=tuple(range(START)) + tokens(1, 60), answers=tuple(tokens(1, longest) for _ in range(4))
        )
        for _ in range(count)
    ]


def seen_from(row, place):
    """Return the places that a token sees, itself with them, beside what was read before the row."""
    return [at for at in range(place + 1) if row.parts[at] in (row.parts[place], row.follows[place])]


@pytest.mark.parametrize("longest", [1, 3, 400])
def test_every_token_of_an_answer_is_predicted_from_all_that_is_before_it_and_nothing_else(longest):
    questions = questions_of(longest=longest)
    answered = []
    for row in rows_of(questions, start=START, logits=600):
        for asked in row.asked:
            question = questions[asked.question]
            answered.append((asked.question, asked.answer))
            assert asked.tokens == question.answers[asked.answer]
            for number, kept in enumerate(asked.logits):
                seen = seen_from(row, row.kept[kept])
                whole = question.prompt + asked.tokens[:number]
                assert tuple(row.tokens[at] for at in seen) == whole[START:]
                assert [row.positions[at] for at in seen] == list(range(START, len(whole)))
    assert sorted(answered) == [(place, answer) for place in range(40) for answer in range(4)]


def test_a_question_is_read_once_however_many_answers_it_has():
    (row,) = rows_of(questions_of(3, longest=1), start=START, logits=600)

    assert len(row.tokens) == sum(len(question.prompt) - START for question in questions_of(3, longest=1))
    assert len(row.kept) == 3


def test_rows_hold_no_more_tokens_or_logits_than_they_may():
    rows = list(rows_of(questions_of(), start=START, logits=600))

    assert max(len(row.tokens) for row in rows) <= 1024
    assert max(len(row.kept) for row in rows) <= 600


def test_an_answer_that_is_longer_than_a_row_has_one_for_itself():
    long = Question(prompt=(1, 2), answers=((3,) * 2000, (4,)))
    first, second = rows_of([long], start=0, logits=600)

    assert [len(asked.logits) for row in (first, second) for asked in row.asked] == [2000, 1]
