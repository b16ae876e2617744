"""Blocks cut into parts: here and on a real Ray the same, and a killed worker costs no row."""

import os
import signal
from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from assay_pipelines.clean.blocks import Here

PARTS = 3
pytestmark = pytest.mark.timeout(300)  # Ray starts


@pytest.fixture(params=["here", "ray"])
def blocks(request, monkeypatch):
    """Return seven blocks of numbers, which may be more than are cut together."""
    tables = [pa.table({"number": np.arange(begin, begin + 10)}) for begin in range(0, 70, 10)]
    if request.param == "here":
        return Here(tables)
    request.getfixturevalue("on_ray")
    from assay_pipelines.clean import on_ray  # noqa: PLC0415 -- seconds, which other tests need not spend

    monkeypatch.setattr(on_ray, "_BUNDLES", 2)
    return on_ray.OnRay.of(tables, cpus=2, memory_gib=0.5)


def by_remainder(table, parts):
    number = table["number"].to_numpy()
    return [table.filter(pa.array(number % parts == part)) for part in range(parts)]


def named(table, part):
    return pa.table({"part": [part] * len(table), "number": table["number"]})


def doubled(table):
    return pa.table({"number": 2 * table["number"].to_numpy()})


def pairs(blocks):
    return sorted(
        pair
        for table in blocks.tables()
        for pair in zip(table["part"].to_pylist(), table["number"].to_pylist(), strict=True)
    )


@pytest.mark.parametrize("parts", [1, PARTS])
def test_each_part_goes_through_its_function_with_what_all_blocks_have_of_it(blocks, parts):
    functions = [partial(named, part=part) for part in range(parts)]
    parted = blocks.map(doubled).parted(partial(by_remainder, parts=parts), functions)
    assert len(list(parted.tables())) == parts
    assert pairs(parted) == sorted((number % parts, number) for number in range(0, 140, 2))


def test_parts_go_on_through_functions_as_blocks_do(blocks):
    parted = blocks.parted(partial(by_remainder, parts=PARTS), [doubled] * PARTS)
    again = parted.parted(partial(by_remainder, parts=2), [partial(named, part=0), partial(named, part=1)])
    assert pairs(again) == [(0, 2 * number) for number in range(70)]


def test_a_worker_that_is_killed_costs_no_row(on_ray, tmp_path):
    from assay_pipelines.clean.on_ray import OnRay  # noqa: PLC0415 -- seconds, which other tests need not spend

    def dying(table, part):
        try:
            (tmp_path / f"killed-{part}").touch(exist_ok=False)
        except FileExistsError:
            return named(table, part)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    def dying_cut(table):
        dying(named(table, 0), "cut")
        return by_remainder(table, PARTS)

    tables = [pa.table({"number": np.arange(begin, begin + 10)}) for begin in range(0, 70, 10)]
    blocks = OnRay.of(tables, cpus=2, memory_gib=0.5)
    parted = blocks.parted(dying_cut, [partial(dying, part=part) for part in range(PARTS)])
    assert pairs(parted) == sorted((number % PARTS, number) for number in range(70))
    assert {path.name for path in tmp_path.iterdir()} == {
        "killed-cut",
        *(f"killed-{part}" for part in range(PARTS)),
    }
