"""Steps, rates and order, as plain values."""

import math

import numpy as np
import pytest

from assay.api.train import Train
from assay.errors import StageError
from assay_pipelines.train.loop import rounds_of
from assay_pipelines.train.timetable import make_timetable


def a_timetable(rows, *, steps=None, lengths=None, **changes):
    words = {
        "data": {"from": "data"},
        "model": {"uri": "./model"},
        "batchSize": 512,
        "optimizer": {"lr": 1e-4},
        "schedule": {"warmupRatio": 0.07, "decay": "linear"},
        "sequenceLength": 128,
    }
    lengths = np.full(rows, 128) if lengths is None else np.array(lengths)
    train = Train.model_validate(words | changes)
    return make_timetable(train, tuple(f"{row:06d}" for row in range(rows)), lengths, steps)


def test_the_papers_numbers_are_141_steps_of_which_10_warm_up():
    timetable = a_timetable(72_000, checkpoints={"everyEpochs": 0.5})

    rates = [timetable.lr_at(step) for step in range(timetable.steps)]

    assert timetable.steps == 141
    assert rates[:10] == pytest.approx([1e-5 * (step + 1) for step in range(10)])
    assert rates[10] == pytest.approx(1e-4)
    assert rates[11:] == sorted(rates[11:], reverse=True)
    assert rates[-1] == pytest.approx(1e-4 / 131)
    assert [(keep.label, keep.step) for keep in timetable.keeps] == [
        ("epoch-0.5", 71),
        ("epoch-1", 141),
        ("final", 141),
    ]


def test_an_epoch_sees_every_row_once_and_the_next_in_another_order():
    timetable = a_timetable(20, batchSize=8, epochs=2)

    passes = [np.concatenate([timetable.rows_at(step) for step in steps]) for steps in ((0, 1, 2), (3, 4, 5))]

    assert [sorted(rows) for rows in passes] == [list(range(20))] * 2
    assert passes[0].tolist() != passes[1].tolist()


def test_rows_that_two_data_sets_share_come_in_the_same_order():
    whole = [f"{row:06d}" for row in a_timetable(20, batchSize=20).rows_at(0)]
    part = [f"{row:06d}" for row in a_timetable(10, batchSize=10).rows_at(0)]

    assert part == [name for name in whole if int(name) < 10]


def test_cosine_decays_to_zero_after_the_last_step():
    timetable = a_timetable(10, batchSize=1, schedule={"warmupRatio": 0, "decay": "cosine"})

    assert timetable.lr_at(0) == pytest.approx(1e-4)
    assert timetable.lr_at(5) == pytest.approx(0.5e-4)
    assert timetable.lr_at(10) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("micro_batch", [1, 3, 8, 100])
def test_a_global_batch_is_dealt_out_whole_and_every_process_has_as_many_turns(world, micro_batch):
    rows = np.array([4, 2, 9, 7, 1])

    rounds = rounds_of(rows, np.arange(10), micro_batch=micro_batch, world=world)

    assert all(len(parts) == world for parts in rounds)
    assert sorted(np.concatenate([part for parts in rounds for part in parts])) == sorted(rows)
    assert all(len(part) <= micro_batch for parts in rounds for part in parts)


def test_packed_sequences_make_as_many_steps_as_each_epoch_needs():
    lengths = [1 + row * 37 % 100 for row in range(200)]
    timetable = a_timetable(200, lengths=lengths, batchUnit="packedSequences", batchSize=8, epochs=2.5)

    starts = [timetable.passes.start_of(epoch) for epoch in range(3)]
    seen = np.concatenate([timetable.rows_at(step) for step in range(timetable.steps)])

    assert sorted(seen[:200]) == sorted(seen[200:400]) == list(range(200))
    assert starts == [0, *np.cumsum([timetable.passes.steps_of(epoch) for epoch in range(2)])]
    assert timetable.steps == starts[2] + math.floor(timetable.passes.steps_of(2) / 2 + 0.5)
    assert timetable.rows_done(starts[2]) == 400
    assert timetable.rows_done(timetable.steps) == len(seen)
    assert all(
        sum(np.array(lengths)[rows]) <= 128
        for step in range(timetable.steps)
        for rows in timetable.batch_at(step)
    )


@pytest.mark.parametrize(("unit", "size"), [("packedSequences", 8), ("tokens", 1000)])
def test_a_checkpoint_at_rows_of_uneven_steps_is_the_first_that_has_seen_them(unit, size):
    lengths = [1 + row * 37 % 100 for row in range(200)]
    timetable = a_timetable(
        200, lengths=lengths, batchUnit=unit, batchSize=size, checkpoints={"rows": [1, 100, 200]}
    )

    kept = {keep.label: keep.step for keep in timetable.keeps}

    assert kept["rows-1"] == 1
    assert timetable.rows_done(kept["rows-100"] - 1) < 100 <= timetable.rows_done(kept["rows-100"])
    assert kept["rows-200"] == timetable.steps
    with pytest.raises(StageError, match="at most 200 rows"):
        a_timetable(200, lengths=lengths, batchUnit=unit, batchSize=size, checkpoints={"rows": [201]})


def test_a_share_of_the_run_is_a_prefix_of_it():
    lengths = [1 + row * 37 % 100 for row in range(200)]
    whole, part = (
        a_timetable(200, lengths=lengths, batchUnit="packedSequences", batchSize=8, epochs=epochs)
        for epochs in (2, 0.5)
    )

    assert part.steps == math.floor(whole.passes.steps_of(0) / 2 + 0.5)
    for step in range(part.steps):
        assert part.rows_at(step).tolist() == whole.rows_at(step).tolist()
