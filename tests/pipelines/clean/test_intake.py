"""From files to rows: nothing is lost, wherever files are cut and whatever is in them."""

import gzip
import json
import resource

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import feather

from assay.artifacts.kinds import Kind
from assay_pipelines.chats import chats_table, write_rows
from assay_pipelines.clean.__main__ import main
from assay_pipelines.clean.intake.parse import parse_piece
from assay_pipelines.clean.intake.pieces import MOST_BYTES, PIECE_BYTES, Origin, piece_bytes, pieces
from assay_pipelines.clean.rows import Rows
from assay_pipelines.clean.table import BROKEN_FILE
from plain_steps import ids_of

DOCUMENT = {"text": "word"}


def peak_bytes():
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def take(path, form="text", size=1 << 20):
    parts = [
        parse_piece(row)
        for piece in pieces([Origin(format=form, files=[path])], size)
        for row in piece.to_pylist()
    ]
    return pa.concat_tables(parts) if parts else None


def kept(table):
    return [
        chat[0]["content"]
        for chat, kept in zip(table["messages"].to_pylist(), table["kept"].to_pylist(), strict=True)
        if kept
    ]


def rejected(table):
    return [line["detail"] for lines in table["lines"].to_pylist() for line in lines]


def test_bad_rows_are_told_with_file_and_line_and_the_others_are_kept(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'{"text": "a"}\n\n{"text": "half\n{"text": "\xff"}\n{"text": NaN}\n{"text": "\\ud800"}\n{"text": "b"}'
    )
    table = take(path)
    assert kept(table) == ["a", "b"]
    assert [detail.split(": ")[0] for detail in rejected(table)] == [
        f"rows.jsonl:{line}" for line in (3, 4, 5, 6)
    ]
    assert [
        word in detail
        for word, detail in zip(("JSON", "UTF-8", "NaN", "Unicode"), rejected(table), strict=True)
    ] == [True] * 4


def test_rows_of_files_of_one_name_are_told_with_their_folders(tmp_path):
    paths = [tmp_path / folder / "rows.jsonl" for folder in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("{\n")

    tables = [
        parse_piece(row)
        for piece in pieces([Origin(format="text", files=paths)])
        for row in piece.to_pylist()
    ]

    told = rejected(pa.concat_tables(tables))
    assert [detail.split(": ")[0] for detail in told] == ["one/rows.jsonl:1", "two/rows.jsonl:1"]


def test_an_array_is_read_element_by_element_and_what_breaks_off_is_one_row(tmp_path):
    path = tmp_path / "rows.json"
    path.write_text('[\n {"text": "a"},\n {"text": 3},\n {"text": "b"},\n {"text": "c')
    table = take(path)
    assert kept(table) == ["a", "b"]
    assert [detail.split(": ")[0] for detail in rejected(table)] == ["rows.json:3", "rows.json:5"]


@pytest.mark.parametrize("tail", ["", " {"])
def test_an_array_without_its_end_or_with_more_behind_it_is_told(tmp_path, tail):
    path = tmp_path / "rows.json"
    path.write_text('[{"text": "a"}' + (f"]{tail}" if tail else ""))
    table = take(path)
    assert kept(table) == ["a"]
    assert len(rejected(table)) == 1


def test_a_json_file_may_hold_lines_or_one_object(tmp_path):
    lines, one = tmp_path / "lines.json", tmp_path / "one.json"
    lines.write_text('{"text": "a"}\n{"text": "b"}\n')
    one.write_text('{\n  "text": "a"\n}\n')
    assert kept(take(lines)) == ["a", "b"]
    assert kept(take(one)) == ["a"]


def test_a_text_file_holds_a_document_per_line(tmp_path):
    path = tmp_path / "book.txt"
    path.write_bytes("\ufeffone\r\n\n[two]\n  three\n".encode())
    assert kept(take(path)) == ["one", "[two]", "three"]


def test_a_packed_file_that_breaks_off_keeps_its_rows_and_tells_the_rest(tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    packed = gzip.compress(b"".join(json.dumps({"text": f"row {i}"}).encode() + b"\n" for i in range(2000)))
    path.write_bytes(packed)
    assert len(kept(take(path))) == 2000
    path.write_bytes(packed[:-200])
    table = take(path)
    assert 0 < len(kept(table)) < 2000
    assert any("breaks off" in detail for detail in rejected(table))


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_file_packed_to_fill_a_memory_is_read_no_further_than_chats_would_be(packing, tmp_path):
    path = tmp_path / f"bomb.jsonl{'.gz' if packing == 'gzip' else '.zst'}"
    with pa.output_stream(str(path), compression=packing) as file:
        file.write(b'{"text": "a"}\n')
        for _ in range(100):
            file.write(b"\n" * (4 << 20))

    table = take(path)
    assert kept(table) == ["a"]
    assert any("unpacks to more than 200 times its size" in detail for detail in rejected(table))


def bombs():
    """Columns that name one text of a mebibyte very often: a gigabyte each, in a kilobyte."""
    count, long = 1024, pa.array(["word " * 200_000])
    text = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), long)
    turns = pa.StructArray.from_arrays([pa.array(["user"] * count), text], ["role", "content"])
    in_one_row = pa.ListArray.from_arrays(pa.array([0, count], pa.int32()), turns)
    nulls = pa.ListArray.from_arrays(pa.array([0, 10_000_000], pa.int32()), pa.nulls(10_000_000, pa.int64()))
    return {
        "flat": pa.table({"text": text}),
        "nested": pa.table({"messages": in_one_row}),
        "nothings": pa.table({"text": nulls}),
    }


@pytest.mark.parametrize("kind", bombs())
def test_a_parquet_file_that_names_one_text_very_often_is_read_no_further_than_chats_would_be(kind, tmp_path):
    path = tmp_path / "bomb.parquet"
    pq.write_table(
        bombs()[kind], path, compression="zstd", dictionary_pagesize_limit=1 << 30, store_schema=False
    )
    assert path.stat().st_size < 10_000
    before = peak_bytes()

    table = take(path)
    assert any("unpacks to more than 200 times its size" in detail for detail in rejected(table))
    assert peak_bytes() - before < 700 << 20


def test_a_parquet_file_whose_rows_share_texts_is_read_whole(tmp_path):
    texts = [f"word {number % 7} " * 4000 for number in range(2000)]
    path = tmp_path / "shared.parquet"
    pq.write_table(pa.table({"text": texts}), path)
    assert path.stat().st_size * 200 < 2000 * len(texts[0]) < 64 << 20

    assert kept(take(path)) == texts


def test_a_file_that_is_empty_holds_no_rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"")
    assert take(path) is None


@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=20),
    size=st.integers(1, 80),
    spread=st.sampled_from(["lines", "array"]),
)
def test_rows_are_the_same_wherever_the_file_is_cut(tmp_path_factory, texts, size, spread):
    path = tmp_path_factory.mktemp("cut") / "rows.jsonl"
    encoded = [json.dumps({"text": text}) for text in texts]
    path.write_text("\n".join(encoded) if spread == "lines" else f"[{', '.join(encoded)}]", encoding="utf-8")
    whole, cut = take(path), take(path, size=size)
    if not texts:
        assert whole is None or whole.num_rows == 0
        return
    assert kept(whole) == kept(cut) == texts
    assert ids_of(Rows.of(whole)) == ids_of(Rows.of(cut))


def test_a_record_of_many_chats_is_as_many_rows_and_the_next_records_come_after(tmp_path):
    def tree(question, *answers):
        replies = [{"role": "assistant", "text": text, "replies": []} for text in answers]
        return json.dumps({"prompt": {"role": "prompter", "text": question, "replies": replies}})

    path = tmp_path / "trees.jsonl"
    path.write_text("".join(f"{line}\n" for line in [tree("a", "1", "2", "1"), tree("b"), tree("c", "3")]))
    table = take(path, form="oasst-all")
    assert kept(table) == ["a", "a", "a", "c"]
    assert table["row"].to_pylist() == [0, 1, 2, 3, 4]
    assert [detail.split(": ")[0] for detail in rejected(table)] == ["trees.jsonl:2"]
    assert len(set(Rows.of(table).ids(range(5)))) == 5


def test_chats_of_another_stage_keep_their_ids(tmp_path):
    path = tmp_path / "chats.parquet"
    table = chats_table("old", [([("user", text)], {"n": n}) for n, text in enumerate("abca")])
    write_rows(path, [table])
    rows = Rows.of(take(path, form=""))
    assert sorted(ids_of(rows)) == table["id"].to_pylist()


def test_equal_rows_are_numbered_in_the_order_of_sources(tmp_path):
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    paths[0].write_text("x\ny\n")
    paths[1].write_text("x\nx\n")
    tables = [
        parse_piece(row)
        for piece in pieces([Origin(format="text", files=[path]) for path in paths])
        for row in piece.to_pylist()
    ]
    rows = Rows.of(pa.concat_tables(tables))
    assert rows.number.tolist() == [0, 0, 1, 2]
    assert len(set(ids_of(rows))) == 4


ROWS = [{"text": f"number {number}", "extra": number} for number in range(5)]


def written(folder, suffix):
    path = folder / f"rows{suffix}"
    table = pa.Table.from_pylist(ROWS)
    lines = "".join(f"{json.dumps(row)}\n" for row in ROWS).encode()
    if suffix == ".parquet":
        pq.write_table(table, path, row_group_size=2)
    elif suffix == ".arrow":
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    elif suffix == ".feather":
        feather.write_feather(table, path)
    elif suffix == ".csv":
        pa.csv.write_csv(table, path)
    elif suffix == ".jsonl.zst":
        with pa.output_stream(str(path), compression="zstd") as file:
            file.write(lines)
    else:
        path.write_bytes(gzip.compress(lines))
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".feather", ".csv", ".jsonl.zst", ".jsonl.gz"])
def test_every_kind_of_file_gives_the_same_chats(tmp_path, suffix):
    assert kept(take(written(tmp_path, suffix))) == [row["text"] for row in ROWS]


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".jsonl.zst"])
def test_a_file_that_breaks_off_is_told_once(tmp_path, suffix):
    path = written(tmp_path, suffix)
    path.write_bytes(path.read_bytes()[:-9])
    assert len(rejected(take(path))) == 1


def test_fields_of_csv_hold_line_breaks_and_a_row_of_other_fields_is_told(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_bytes(b'prompt,completion\n"a\nb","say ""c"""\nalone\nd,e\n\xff,f\n')
    table = take(path, "prompt-completion")
    assert [[turn["content"] for turn in chat] for chat in table["messages"].to_pylist() if chat] == [
        ["a\nb", 'say "c"'],
        ["d", "e"],
    ]
    assert [detail.split(":")[1] for detail in rejected(table)] == ["3", "5"]


def test_pieces_of_larger_inputs_are_larger_up_to_a_bound():
    sizes = [piece_bytes(total) for total in (0, 40 << 20, 80 << 20, 1 << 30, 1 << 40)]
    assert sizes == sorted(sizes)
    assert (sizes[0], sizes[-1]) == (PIECE_BYTES, MOST_BYTES)
    assert sizes[1] < sizes[2] < sizes[3] == MOST_BYTES


@pytest.mark.parametrize(
    ("text", "whole", "told"),
    [
        (
            'text\na\n"b\nc\nd\n',
            ["a"],
            "rows.csv:3: found a quote in line 3 that is closed nowhere in the 3 lines",
        ),
        ('text\n"a\nb', [], "rows.csv:2: found a quote in line 2"),
        ('text\na\n"b\nc"\n', ["a", "b\nc"], None),
        ('text\na "b\nc\n', ['a "b', "c"], None),
    ],
)
def test_a_quote_that_never_closes_breaks_a_csv_file_off(tmp_path, text, whole, told):
    path = tmp_path / "rows.csv"
    path.write_text(text)

    table = take(path)

    assert kept(table) == whole
    lines = [line for lines in table["lines"].to_pylist() for line in lines]
    assert [line["rule"] for line in lines] == ([BROKEN_FILE] if told else [])
    assert all(line["detail"].startswith(told) for line in lines)


def test_a_stage_counts_the_files_that_it_could_not_read_to_their_ends(bench):
    path = bench.folder / "rows.jsonl.gz"
    rows = b"".join(json.dumps({"text": f"row {number}"}).encode() + b"\n" for number in range(2000))
    path.write_bytes(gzip.compress(rows)[:-200])
    sources = [{"name": "texts", "uri": bench.outside(path), "format": "text"}]

    outcome = bench.run(main, Kind.CLEAN, {"sources": sources, "steps": []})

    assert outcome.summary["sources"]["texts"]["brokenFiles"] == 1
