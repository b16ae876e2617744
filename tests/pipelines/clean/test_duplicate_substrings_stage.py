"""Long repeated spans through the clean program: with and without Ray, by words and by a tokenizer."""

import json
import random

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from assay.artifacts.kinds import Kind
from assay.artifacts.layout import record_key
from assay_pipelines.clean import blocks, program
from assay_pipelines.clean.__main__ import main

SIZES = [(20_000, -1), (7_000, 1 << 30), (1 << 22, 1 << 30)]  # of pieces; of what needs no Ray


def chat(*texts):
    return json.dumps(
        {
            "conversations": [
                {"from": "gpt" if place % 2 else "human", "value": text} for place, text in enumerate(texts)
            ]
        }
    )


def some_lines(count, *, seed):
    """Return chats of random words, a third of which hold passages of a common stock."""
    draw = random.Random(seed)
    stock = [" ".join(f"é{draw.randrange(300)}" for _ in range(80)) for _ in range(6)]

    def text():
        own = " ".join(f"w{draw.randrange(300)}" for _ in range(draw.randint(2, 40)))
        return f"{own} {draw.choice(stock)} behind" if draw.random() < 0.3 else own

    return [chat(*(text() for _ in range(2 * draw.randint(1, 3)))) for _ in range(count)]


def stage(bench, steps):
    sources = [
        {
            "name": name,
            "uri": bench.lines(f"{name}.jsonl", *some_lines(80, seed=7)[begin:]),
            "format": "sharegpt",
        }
        for name, begin in (("early", 0), ("late", 40))
    ]
    return {"sources": sources, "steps": [*steps[:1], {"merge": {"sources": ["late"]}}, *steps[1:]]}


def rows_of(outcome, name):
    return pq.read_table(outcome.path(name)).to_pylist()


STEPS = [
    {"name": "cut", "duplicateSubstrings": {"action": "strike"}},
    {"alternation": {}},
    {"split": {"parts": [{"name": "held", "share": 0.2}]}},
    {"name": "whole", "duplicateSubstrings": {"action": "dropChat", "minTokens": 30}},
    {"name": "residue", "duplicateSubstrings": {"action": "strikeLater", "minTokens": 5}},
    {"subsample": {"share": 0.9}},
]


def test_bytes_depend_on_neither_ray_nor_how_files_are_cut(bench, monkeypatch, on_ray):
    spec = stage(bench, STEPS)
    digests = []
    for attempt, (size, small) in enumerate(SIZES, 1):
        monkeypatch.setattr(blocks, "SMALL_BYTES", small)
        monkeypatch.setattr(program, "piece_bytes", lambda _total, size=size: size)
        bench.store.delete(record_key(bench.stage(Kind.CLEAN, spec).ref))
        outcome = bench.run(main, Kind.CLEAN, spec, attempt=attempt, cpus=2)
        digests.append({path: file.sha256 for path, file in outcome.record.outputs.files.items()})
    assert digests == [digests[0]] * len(SIZES)


def test_every_row_that_falls_or_changes_has_a_line_and_counts_conserve(bench):
    outcome = bench.run(main, Kind.CLEAN, stage(bench, STEPS))
    ledger = rows_of(outcome, "ledger.parquet")
    kept = [row["id"] for name in ("chats.parquet", "chats-held.parquet") for row in rows_of(outcome, name)]
    fell = [line["id"] for line in ledger if line["action"] == "dropped"]
    assert len(kept) + len(fell) == len({*kept, *fell}) == 80 + 40
    counts = {step["name"]: step for step in outcome.summary["steps"]}
    assert all(step["in"] == step["dropped"] + step["setAside"] + step["out"] for step in counts.values())
    assert counts["cut"]["changed"] > 10
    assert counts["whole"]["dropped"] > 10  # `late` holds half of `early` again
    mine = [line for line in ledger if line["step"] in {"cut", "whole", "residue"}]
    assert {(line["step"], line["rule"]) for line in mine} == {
        ("cut", "repeatedSpan"),
        ("whole", "minShare"),
        ("residue", "repeatedSpan"),
    }
    assert all(0 < line["score"] <= 1 and "character" in line["detail"] for line in mine)
    dropped = [line for line in mine if line["step"] == "whole" and line["duplicate_of"]]
    assert {line["duplicate_of"] for line in dropped} <= {*kept, *fell} - {line["id"] for line in dropped}


def twice(bench, action, *lines):
    """Return what two steps of an action count on some lines."""
    steps = [{"name": name, "duplicateSubstrings": {"action": action}} for name in ("one", "two")]
    sources = [{"name": "a", "uri": bench.lines(f"{action}.jsonl", *lines), "format": "sharegpt"}]
    return bench.run(main, Kind.CLEAN, {"sources": sources, "steps": steps}).summary["steps"]


def test_a_second_step_of_drops_finds_nothing(bench):
    one, two = twice(bench, "dropChat", *some_lines(80, seed=7))
    assert one["dropped"] > 0
    assert (two["dropped"], two["changed"]) == (0, 0)


def test_a_second_step_of_strikes_tells_its_residue(bench):
    front, span, back = (" ".join(f"{name}{word}" for word in range(30)) for name in "fsb")
    lines = [f"x {front} {span} {span} {back} x", f"y {span} {span} y", f"z {front} {back} z"]
    one, two = twice(bench, "strike", *(chat("a", line) for line in lines))
    assert (one["changed"], two["changed"]) == (2, 2)


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory):
    """A byte-level tokenizer, to which a character beyond ASCII is several tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        ["the cat sat on the mat"],
        trainers.BpeTrainer(vocab_size=270, initial_alphabet=alphabet, show_progress=False),
    )
    tokenizer.enable_truncation(5)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def test_spans_of_a_tokenizer_are_cut_at_its_tokens_and_never_inside_a_character(bench, tokenizer_file):
    # 漢 and 漣 begin with the same two bytes: these two tokens are in the span, and their character is not
    span = "漢字漢字漢字"
    lines = [chat("one", f"a{span}漢z"), chat("two", f"b{span}漣y")]
    source = {"name": "a", "uri": bench.lines("rows.jsonl", *lines), "format": "sharegpt"}
    step = {"action": "strike", "minTokens": 18, "tokenizer": bench.outside(tokenizer_file)}
    outcome = bench.run(main, Kind.CLEAN, {"sources": [source], "steps": [{"duplicateSubstrings": step}]})
    assert {row["messages"][1]["content"] for row in rows_of(outcome, "chats.parquet")} == {"a漢z", "b漣y"}
    assert {line["detail"] for line in rows_of(outcome, "ledger.parquet")} == {"turn 1 characters 1 to 7"}


@pytest.mark.parametrize("kind", ["duplicateSubstrings", "lowAverage"])
def test_a_tokenizer_folder_without_a_fast_tokenizer_is_refused(bench, kind):
    source = {"name": "a", "uri": bench.lines("rows.jsonl", chat("a", "b")), "format": "sharegpt"}
    step = {"tokenizer": bench.lines("vocab.txt", "a")}
    outcome = bench.run(main, Kind.CLEAN, {"sources": [source], "steps": [{kind: step}]})
    assert outcome.refused[0] == "TokenizerMissing"
