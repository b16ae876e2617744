"""How a file is read, by its name."""

import pytest

from assay.artifacts.endings import endings


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("chats.jsonl", (".jsonl", "")),
        ("chats.jsonl.gz", (".jsonl", ".gz")),
        ("chats.v2.csv.zst", (".csv", ".zst")),
        ("chats.gz", ("", ".gz")),
        ("chats.csv.zst.gz", (".zst", ".gz")),
        ("chats", ("", "")),
    ],
)
def test_a_name_says_what_its_file_holds_and_how_it_is_packed_once(name, told):
    assert endings(name) == told
