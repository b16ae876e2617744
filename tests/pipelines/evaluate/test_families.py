"""How prompts are put together: over numbers that stand for tokens."""

import random

from assay_pipelines.evaluate.families import AT_ONCE, batches


def prompts_of(*, subjects=5, each=9, shared=300, own=40, seed=0):
    draw = random.Random(seed)

    def tokens(count):
        return tuple(draw.randrange(1000) for _ in range(count))

    start = tokens(10)
    prompts = [
        start + beginning + tokens(own + at)
        for beginning in (tokens(shared) for _ in range(subjects))
        for at in range(each)
    ]
    draw.shuffle(prompts)
    return prompts


def test_every_prompt_is_in_one_batch_that_begins_as_it_does():
    prompts = prompts_of()
    planned = list(batches(prompts, rows=4))

    assert sorted(place for batch in planned for place in batch.places) == list(range(len(prompts)))
    for batch in planned:
        for place in batch.places:
            assert prompts[place][: len(batch.prefix)] == batch.prefix
            assert len(prompts[place]) > len(batch.prefix)


def test_prompts_of_one_subject_share_what_it_begins_with():
    planned = list(batches(prompts_of(), rows=32))

    assert [(len(batch.prefix), len(batch.places)) for batch in planned] == [(310, 9)] * 5


def test_prompts_with_little_in_common_go_together_without_a_beginning():
    (batch,) = batches(prompts_of(subjects=5, each=1, shared=20), rows=32)

    assert (batch.prefix, len(batch.places)) == ((), 5)


def test_a_prompt_that_begins_as_none_does_takes_no_beginning_from_others():
    prompts = [(0,), (5, 6), *prompts_of(subjects=2), (2000, 1)]

    assert sorted(len(batch.prefix) for batch in batches(prompts, rows=32)) == [0, 310, 310]


def test_the_same_prompt_asked_twice_leaves_something_to_read():
    (batch,) = batches([tuple(range(200))] * 3, rows=32)

    assert batch.prefix == tuple(range(199))


def test_batches_hold_no_more_rows_or_tokens_than_they_may():
    long = prompts_of(subjects=1, each=20, own=AT_ONCE // 4)

    assert max(len(batch.places) for batch in batches(long, rows=32)) == 3
    assert max(len(batch.places) for batch in batches(prompts_of(), rows=2)) == 2


def test_the_order_of_prompts_changes_no_batch():
    prompts = prompts_of()
    turned = prompts[::-1]

    def planned(some):
        return [[some[place] for place in batch.places] for batch in batches(some, rows=4)]

    assert planned(prompts) == planned(turned)
