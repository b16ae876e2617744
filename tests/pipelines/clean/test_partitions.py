"""A block's result is taken over where all that it depends on is the same, and made again where something is not."""

import pyarrow as pa
import pytest

from assay_pipelines.clean.partitions import Partitions
from assay_pipelines.clean.table import Chats
from plain_steps import working

ROWS = 2400
BLOCK = working([[("user", f"Question {number}?"), ("assistant", "So.")] for number in range(ROWS)])


class Redone(Exception):
    """What was finished is done again."""


def refused(_table: pa.Table) -> pa.Table:
    raise Redone


@pytest.fixture
def partitions(tmp_path):
    return Partitions(store=(tmp_path / "store").as_uri(), folder="partitions/stage/program")


def first_half(table: pa.Table) -> pa.Table:
    return table.slice(0, len(table) // 2)


def test_a_result_that_was_kept_is_not_made_again(partitions):
    made = partitions.through(BLOCK, (first_half, first_half), "pass")
    assert made == BLOCK.slice(0, ROWS // 4)
    assert partitions.through(BLOCK, (refused,), "pass") == made


def test_a_block_is_known_by_what_is_in_it_not_by_how_it_lies_in_memory(partitions):
    block = BLOCK.slice(10, 2000)
    made = partitions.through(block, (first_half,), "pass")
    copied = pa.Table.from_pylist(block.to_pylist(), BLOCK.schema)
    in_parts = pa.concat_tables([block.slice(0, 701), block.slice(701)])
    assert partitions.through(copied, (refused,), "pass") == made
    assert partitions.through(in_parts, (refused,), "pass") == made


def test_a_result_leads_to_the_next_as_if_it_had_just_been_made(partitions):
    partitions.through(partitions.through(BLOCK, (first_half,), "one"), (first_half,), "two")
    again = partitions.through(BLOCK, (refused,), "one")
    assert partitions.through(again, (refused,), "two") == BLOCK.slice(0, ROWS // 4)


@pytest.mark.parametrize("other", ["a word", "another row", "a row more", "another pass", "another stage"])
def test_nothing_is_taken_over_for(other, partitions):
    partitions.through(BLOCK, (first_half,), "pass")
    block, name = BLOCK, "pass"
    if other == "a word":
        changed = Chats.from_messages(
            [[("user", f"Question {n}!"), ("assistant", "So.")] for n in range(ROWS)]
        )
        block = BLOCK.set_column(BLOCK.column_names.index("messages"), "messages", changed.messages)
    elif other == "another row":
        block = BLOCK.slice(1)
    elif other == "a row more":
        block = pa.concat_tables([BLOCK, BLOCK.slice(0, 1)])
    elif other == "another pass":
        name = "another"
    else:
        partitions = Partitions(store=partitions.store, folder="partitions/other/program")
    with pytest.raises(Redone):
        partitions.through(block, (refused,), name)


def test_a_store_that_does_not_open_costs_no_result(tmp_path):
    (tmp_path / "store").write_text("a file")
    partitions = Partitions(store=(tmp_path / "store").as_uri(), folder="partitions/stage/program")
    assert partitions.through(BLOCK, (first_half,), "pass") == BLOCK.slice(0, ROWS // 2)
