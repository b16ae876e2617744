import json
import os

import pytest

from assay.errors import StageError
from assay_pipelines.evaluate.choices import read_items

GOOD = {"question": "Which?", "choices": ["this", "that"], "answer": 1}


def items_of(tmp_path, *lines, limit=None):
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return read_items([path], where="task quiz", limit=limit)


def test_items_keep_their_own_ids_and_others_are_numbered(tmp_path):
    items = items_of(tmp_path, GOOD | {"id": "first"}, GOOD)

    assert [item.id for item in items] == ["first", "1"]


def test_a_limit_takes_the_first_items(tmp_path):
    items = items_of(tmp_path, GOOD, GOOD, "not even JSON", limit=1)

    assert len(items) == 1


@pytest.mark.parametrize(
    ("line", "found", "expected"),
    [
        ("{", "'{'", "a JSON object"),
        ("[]", "'[]'", "a JSON object"),
        ({"choices": ["a", "b"], "answer": 0}, "question None", "some text"),
        (GOOD | {"choices": ["only one"]}, "['only one']", "2 to 26 texts"),
        (GOOD | {"choices": ["a", 2]}, "['a', 2]", "2 to 26 texts"),
        ({"question": "Which?", "choices": ["a", "b"]}, "no answer", "the index of the right choice"),
        (GOOD | {"answer": "B"}, "answer 'B'", "the index of the right choice"),
        (GOOD | {"answer": True}, "answer True", "the index of the right choice"),
        (GOOD | {"answer": 2}, "answer 2", "0 to 1, as there are 2 choices"),
        (GOOD | {"answer": -1}, "answer -1", "0 to 1, as there are 2 choices"),
    ],
)
def test_an_item_that_is_none_is_refused_with_its_line(tmp_path, line, found, expected):
    with pytest.raises(StageError) as refusal:
        items_of(tmp_path, GOOD, line)

    assert refusal.value.reason == "BenchmarkMalformed"
    assert refusal.value.where == "task quiz, items.jsonl line 2"
    assert found in refusal.value.found
    assert expected in refusal.value.found


def test_an_id_given_twice_is_refused(tmp_path):
    with pytest.raises(StageError, match="a second time"):
        items_of(tmp_path, GOOD | {"id": "x"}, GOOD | {"id": "x"})


def test_a_file_without_items_is_refused(tmp_path):
    with pytest.raises(StageError, match="found no items"):
        items_of(tmp_path, "")


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "items.jsonl"
    path.write_bytes(b"\xff\xfe" + os.urandom(8))

    with pytest.raises(StageError, match="no UTF-8"):
        read_items([path], where="task quiz")
