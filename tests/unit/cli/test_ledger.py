"""`assay ledger` shows what was written, or nothing."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.artifacts.layout import data_key
from assay.cli.ledger import main
from assay.errors import StoreError
from builders import a_cleaning

OPTIONS = {"step": None, "row": None, "limit": 20, "output": "text"}
LINE = {
    "id": "0123",
    "source": "chats",
    "step": "intake",
    "rule": "noTurns",
    "score": None,
    "duplicate_of": None,
    "detail": None,
}


@pytest.fixture
def ledger(bench, cleaned, tmp_path):
    folder = tmp_path / "outputs"
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist([LINE]), folder / "ledger.parquet")
    bench.finish(cleaned.document, folder, **a_cleaning(1, rejected=1))
    return data_key(cleaned.ref, 1, "ledger.parquet")


def test_the_lines_are_shown(spec, store, ledger, capsys):
    main(spec, "plain/chats", store.uri, **OPTIONS)

    assert "noTurns" in capsys.readouterr().out


def test_a_ledger_that_was_changed_is_refused(spec, store, ledger):
    data = store.get(ledger)
    store.put(ledger, data.replace(b"noTurns", b"noWords"))

    with pytest.raises(
        StoreError, match=r"ledger.parquet: found bytes of sha256 .* Restore the file, or delete"
    ):
        main(spec, "plain/chats", store.uri, **OPTIONS)
