"""`assay ledger` shows what was written, or says what there is instead."""

import json
import re

import pyarrow as pa
import pytest

from assay.artifacts.documents import Attempt
from assay.artifacts.layout import claim_key, data_key, experiment_key, record_key
from assay.cli.ledger import main
from assay.cli.ledger_text import print_lines
from assay.errors import SpecError, StoreError
from assay.report.write import write_report
from assay.settings.local import compile_file
from assay_pipelines.chats import CHATS, write_rows
from assay_pipelines.clean.account import LINES
from bench import START

OPTIONS = {"row": None, "step": None, "sample": None, "limit": 20, "output": "text"}
ROW, COPY, BROKEN = ("0" * 31 + "1-0", "0" * 31 + "1-1", "f" * 32 + "-0")
LINE = {"source": "chats", "score": None, "duplicate_of": None, "detail": None}
LEDGER = [
    LINE
    | {"id": COPY, "step": "exactDuplicates", "action": "dropped", "rule": "sameText", "duplicate_of": ROW},
    LINE
    | {
        "id": BROKEN,
        "step": "intake",
        "action": "rejected",
        "rule": "noTurns",
        "detail": "chats.jsonl:3: no turns",
    },
]
SAID = "What only the chat itself says"
KEPT = {"id": ROW, "source": "chats", "messages": [{"role": "user", "content": SAID}], "meta": "{}"}


def a_step(name, came, dropped=0):
    counts = {"in": came, "dropped": dropped, "changed": 0, "setAside": 0, "out": came - dropped}
    return {"name": name, "kind": name, **counts, "sources": {"chats": counts}}


@pytest.fixture
def done(bench, store, spec, cleaned, tmp_path):
    """A stage that kept one row, dropped its copy and could not read a third."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    write_rows(folder / "ledger.parquet", [pa.Table.from_pylist(LEDGER, LINES)], LINES)
    write_rows(folder / "chats.parquet", [pa.Table.from_pylist([KEPT], CHATS)])
    write_rows(folder / "chats-heldOut.parquet", [])
    steps = [a_step("alternation", 2), a_step("exactDuplicates", 2, dropped=1), a_step("split", 1)]
    source = {"in": 3, "rejected": 1, "dropped": 1, "setAside": 0, "out": 1}
    summary = {"rows": 1, "sources": {"chats": source}, "steps": steps, "splits": {"heldOut": 0}}
    plan = compile_file(spec)[1]
    claim = Attempt(number=1, owner="test", claimed_at=START, locations=plan.locations)
    store.put(claim_key(cleaned.ref, 1), claim.encode())
    bench.finish(cleaned.document, folder, **summary)
    write_report(plan, store)
    return cleaned


@pytest.fixture
def told(store, done, capsys):
    def told(experiment="small/plain/chats", stage=None, **options):
        main(str(experiment), stage, store.uri, **(OPTIONS | options))
        return capsys.readouterr().out

    return told


def test_the_lines_are_shown_without_any_text_of_a_chat(told):
    out = told()

    assert "noTurns" in out
    assert "duplicate of 000000000000-0" in " ".join(out.split())
    assert SAID not in out


@pytest.mark.parametrize("width", [40, 200])
def test_a_line_says_whether_its_row_was_dropped_or_changed(capsys, monkeypatch, width):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    refusal = LINE | {"step": "refusals", "rule": "inability"}

    print_lines([refusal | {"id": ROW, "action": "changed"}, refusal | {"id": COPY, "action": "dropped"}])

    told = re.sub(r"\x1b\[[0-9;]*m|[:,]", "", capsys.readouterr().out)
    assert re.findall(r"refusals +(\w+) +(?:rule )?inability", told) == ["changed", "dropped"]


def test_of_one_step_its_counts_alone_are_shown(told):
    assert "alternation" not in told(step="exactDuplicates")
    assert "exactDuplicates" not in told(step="intake")


def test_a_list_that_was_cut_says_so(told):
    assert "the first 1 lines; --limit shows more" in told(limit=1)
    assert "--limit" not in told()


def test_a_stage_is_named_by_the_experiment_in_the_store_or_by_its_file(told, spec, done):
    ways = [
        told("small/plain/chats"),
        told("default/small/plain/chats"),
        told("small/slower/chats"),
        told(f"small/{done.ref.fingerprint[:8]}"),
        told(spec, "plain/chats"),
    ]

    assert ways == [ways[0]] * len(ways)


def test_the_story_of_a_dropped_row_tells_what_dropped_it_and_where_its_original_is(told):
    out = told(row=COPY)

    assert f"row {COPY} of plain+slower/chats: dropped by exactDuplicates" in out
    assert "chats.jsonl" in out
    assert "alternation: passed" in out
    assert "split" not in out
    assert f"{ROW}, of source chats: in the output" in out


def test_the_story_of_a_row_that_went_through_says_so(told):
    story = json.loads(told(row="000000000000-0", output="json"))

    assert (story["id"], story["source"], story["end"]) == (ROW, "chats", "out")
    assert {item["what"] for item in story["steps"]} == {"read", "passed"}
    assert SAID not in told(row=ROW)


def test_a_row_that_could_not_be_read_names_file_and_line(told):
    out = told(row="f")

    assert "could not be read" in out
    assert "chats.jsonl:3: no turns" in out


@pytest.mark.parametrize("width", [40, 80])
@pytest.mark.parametrize("options", [{}, {"row": COPY}, {"sample": 2}])
def test_what_is_printed_fits_the_terminal(told, monkeypatch, width, options):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    out = re.sub(r"\x1b\[[0-9;]*m", "", told(**options))

    assert max(map(len, out.splitlines())) <= width
    assert all(word in out for word in ("exactDuplicates", "sameText", "duplicate of"))


@pytest.mark.parametrize(
    ("named", "options", "words"),
    [
        ("small/plain/chats", {"step": "exactDuplicate"}, "Did you mean `exactDuplicates`"),
        (
            "small/plain/chats",
            {"step": "none"},
            "expected one of intake, alternation, exactDuplicates, split",
        ),
        ("small/plain/chats", {"row": "0"}, f"found several, expected one: {ROW}, {COPY}"),
        ("small/plain/chats", {"row": "5"}, "found no id that starts so among 3 rows"),
        ("small/plain/chats", {"row": "0", "step": "split"}, "expected it alone"),
        ("small/plain/chat", {}, "Did you mean `plain/chats`"),
        ("small/plain/sft", {}, "found a train stage"),
        ("large/plain/chats", {}, "there are default/small"),
        ("small", {}, "Name EXPERIMENT/STAGE"),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(told, named, options, words):
    with pytest.raises(SpecError, match=words):
        told(named, **options)


def test_a_stage_that_is_not_done_is_refused(told, store, done):
    store.delete(record_key(done.ref))

    with pytest.raises(SpecError, match="Run the experiment first"):
        told()


def test_a_ledger_that_was_changed_is_refused(told, store, done):
    ledger = data_key(done.ref, 1, "ledger.parquet")
    store.put(ledger, store.get(ledger).replace(b"noTurns", b"noWords"))

    with pytest.raises(
        StoreError, match=r"ledger.parquet: found bytes of sha256 .* Restore the file, or delete"
    ):
        told()


def test_a_damaged_report_is_named(told, store):
    store.put(experiment_key("default/small", "report.json"), b"{")

    with pytest.raises(StoreError, match=r"report.json: found damaged bytes.* `assay report`"):
        told()
