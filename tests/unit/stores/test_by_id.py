"""Rows are found by their ids in what a stage wrote, without reading all of it."""

import io
import random
from bisect import bisect_left

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key
from assay.errors import StoreError
from assay.stores import ranged
from assay.stores.by_id import SortedOutput
from assay.stores.folder import FolderStore
from assay.stores.records import DamagedOutput, load_record
from assay_pipelines.chats import write_rows
from bench import Bench

SCHEMA = pa.schema(
    [pa.field("id", pa.string()), pa.field("step", pa.string()), pa.field("words", pa.string())]
)
COUNT = 60_000


class Metered:
    """A store that adds up the bytes that it gives."""

    def __init__(self, store):
        self._store = store
        self.given = 0

    def get_range(self, key, start, length):
        data = self._store.get_range(key, start, length)
        self.given += len(data)
        return data

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.fixture(scope="module")
def rows():
    draw = random.Random(1)
    ids = sorted(f"{draw.getrandbits(128):032x}-{number}" for number in range(COUNT))
    words = [f"words of {row}" for row in ids]
    return pa.table({"id": ids, "step": [f"step{place % 3}" for place in range(COUNT)], "words": words})


@pytest.fixture(scope="module")
def written(rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("outputs")
    write_rows(folder / "rows.parquet", [rows.cast(SCHEMA)], SCHEMA)
    return folder


@pytest.fixture
def bench(tmp_path):
    return Bench(store=FolderStore(tmp_path / "store"), folder=tmp_path)


@pytest.fixture
def record(bench, written):
    return load_record(bench.store, bench.done(Kind.CLEAN, {}, written))


@pytest.fixture
def file_of(bench, record):
    return data_key(record.identity.ref, 1, "rows.parquet")


@pytest.fixture
def in_parts(monkeypatch):
    monkeypatch.setattr(ranged, "WHOLE_BYTES", 0)


@pytest.fixture(params=["whole", "in_parts"])
def output(request, bench, record):
    if request.param == "in_parts":
        request.getfixturevalue("in_parts")
    return SortedOutput(bench.store, record, "rows.parquet")


def test_every_beginning_finds_the_rows_that_reading_everything_finds(output, rows):
    ids = rows["id"].to_pylist()
    draw = random.Random(2)
    chosen = [*draw.sample(ids, 20), ids[0], ids[-1], ids[8191], ids[8192], "", "g", "0" * 32]
    for word in [row[: draw.choice([1, 2, 3, 8, 40])] for row in chosen]:
        found = output.starting_with(word, 1000).to_pylist()

        assert found == [row for row in rows.to_pylist() if row["id"].startswith(word)][:1000]


def test_the_neighbours_of_an_id_that_is_not_there_are_found(output, rows):
    ids = rows["id"].to_pylist()
    for word in (ids[8191] + "x", ids[8192][:-1], ids[100] + "x", "", "g"):
        at = bisect_left(ids, word)

        assert set(ids[max(0, at - 1) : at + 1]) <= set(output.beside(word))


def test_a_scan_gives_every_row_once_in_order(output, rows):
    scanned = [(begin, table) for begin, table in output.scan(["step", "id"])]

    assert pa.concat_tables([table for _, table in scanned]).equals(
        rows.select(["step", "id"]).cast(scanned[0][1].schema)
    )
    assert all(table["id"][0].as_py() == rows["id"][begin].as_py() for begin, table in scanned)


def test_rows_are_taken_by_their_places(output, rows):
    places = [COUNT - 1, 3, 8192, 8191, 40_000]

    assert output.take(places).to_pylist() == rows.take(sorted(places)).to_pylist()
    assert output.take([], ["id"]).to_pylist() == []


def test_one_row_costs_a_small_part_of_a_large_file(in_parts, bench, record, rows):
    store = Metered(bench.store)

    found = SortedOutput(store, record, "rows.parquet").starting_with(rows["id"][30_000].as_py(), 10)

    assert found.num_rows == 1
    assert store.given < record.outputs.files["rows.parquet"].size / 4


def test_damage_where_nothing_is_read_is_not_seen_and_where_something_is_it_is_refused(
    in_parts, bench, record, file_of, rows
):
    data = bytearray(bench.store.get(file_of))
    chunk = pq.read_metadata(io.BytesIO(data)).row_group(2).column(0)
    data[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 1
    bench.store.put(file_of, bytes(data))
    output = SortedOutput(bench.store, record, "rows.parquet")

    assert output.starting_with(rows["id"][0].as_py(), 10).num_rows == 1
    with pytest.raises(
        DamagedOutput, match=r"rows.parquet: found damaged bytes .* Restore the file, or delete"
    ):
        output.starting_with(rows["id"][2 * 8192 + 1].as_py(), 10)


def test_a_small_file_is_held_to_the_digest_of_its_record(bench, record, file_of):
    data = bytearray(bench.store.get(file_of))
    data[100] ^= 1
    bench.store.put(file_of, bytes(data))

    with pytest.raises(DamagedOutput, match=r"found bytes of sha256 .* as its record says"):
        SortedOutput(bench.store, record, "rows.parquet")


@pytest.mark.parametrize("cut", [1, 1000])
def test_a_large_file_that_was_cut_short_is_refused(in_parts, bench, record, file_of, cut):
    bench.store.put(file_of, bench.store.get(file_of)[:-cut])

    with pytest.raises(DamagedOutput, match=r"found \d+ bytes, expected \d+ as its record says"):
        SortedOutput(bench.store, record, "rows.parquet")


def test_a_large_file_without_its_end_is_refused(in_parts, bench, record, file_of):
    data = bench.store.get(file_of)
    bench.store.put(file_of, data[:-9] + b"\xff" * 9)

    with pytest.raises(DamagedOutput):
        SortedOutput(bench.store, record, "rows.parquet")


def test_a_file_that_is_gone_is_told(output, bench, record, file_of):
    bench.store.delete(file_of)

    with pytest.raises(StoreError, match="found nothing, expected an object"):
        SortedOutput(bench.store, record, "rows.parquet")
