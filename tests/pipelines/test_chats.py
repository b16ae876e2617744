"""Chats on disk: ids, and bytes that tell nothing of how they came about."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_pipelines import chats
from assay_pipelines.chats import CHATS, chats_table, messages_of, read_chats, write_rows

SOME = [([("user", f"Question {place % 7}?"), ("assistant", "Yes.")], {"n": place}) for place in range(40)]


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "chats.parquet"
    table = chats_table("s", SOME)
    assert write_rows(path, [table]) == 40
    assert read_chats(path).equals(table)
    assert read_chats(path).schema.equals(CHATS)
    assert sorted(tuple(turns) for turns in messages_of(table)) == sorted(tuple(turns) for turns, _ in SOME)


def test_rows_with_the_same_messages_differ_by_their_number():
    ids = chats_table("s", SOME)["id"].to_pylist()
    assert len(set(ids)) == 40
    assert ids == sorted(ids)
    assert len({id_.split("-")[0] for id_ in ids}) == 7


@given(st.permutations(range(40)))
def test_ids_do_not_depend_on_the_order_of_rows(order):
    assert chats_table("s", [SOME[place] for place in order]).equals(chats_table("s", SOME))


@pytest.mark.parametrize("cuts", [[40], [1] * 40, [0, 17, 3, 20], [39, 1]])
def test_bytes_do_not_depend_on_how_rows_are_cut_into_tables(tmp_path, monkeypatch, cuts):
    monkeypatch.setattr(chats, "ROWS_PER_GROUP", 16)
    table, start, parts = chats_table("s", SOME), 0, []
    for length in cuts:
        parts.append(table.slice(start, length))
        start += length
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    write_rows(whole, [table])
    write_rows(cut, parts)
    assert hashlib.sha256(whole.read_bytes()).digest() == hashlib.sha256(cut.read_bytes()).digest()
