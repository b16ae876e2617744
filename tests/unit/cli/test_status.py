"""What `assay status` says of stages that are done, or look so."""

import json

import pytest

from assay.artifacts.layout import record_key
from assay.cli.status import main
from builders import a_cleaning


@pytest.fixture
def status(spec, store, capsys):
    def status():
        main(spec, store.uri, output="json")
        return {row["label"]: row for row in json.loads(capsys.readouterr().out)["stages"]}

    return status


def test_a_cleaning_that_read_and_kept_nothing_is_done_with_a_warning(bench, cleaned, status):
    bench.finish(cleaned.document, **a_cleaning(12, rejected=12))

    row = status()[cleaned.label]
    assert row["state"] == "done"
    assert "0 of 12 rows of source chats could be read" in row["detail"]
    assert "0 of 12 rows kept" in row["detail"]


def test_a_cleaning_that_kept_something_is_simply_done(bench, cleaned, status):
    bench.finish(cleaned.document, **a_cleaning(12, rejected=11))

    assert status()[cleaned.label]["detail"] == ""


@pytest.mark.parametrize("damage", [b"", b"{", b'{"unknown": 1}'])
def test_a_damaged_record_is_named_and_the_others_are_told(store, cleaned, status, damage):
    store.put(record_key(cleaned.ref), damage)

    rows = status()

    assert rows[cleaned.label]["state"] == "damaged"
    assert "delete it" in rows[cleaned.label]["detail"]
    assert rows["plain/sft"]["state"] == "waiting"
