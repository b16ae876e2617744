"""What `assay ledger` tells of a stage that the clean program carried out."""

import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

from assay.artifacts.kinds import Kind
from assay.cli.ledger_rows import Rows, first_lines, sampled_lines
from assay.errors import SpecError
from assay.stores import ranged
from assay_pipelines.clean.__main__ import main

REFUSED = "I'm sorry, but I can't help with that request today, my friend, it is late."
STEPS = [
    {"alternation": {}},
    {"shortInput": {"minWords": 2}},
    {"name": "join", "merge": {"sources": ["late"]}},
    {"exactDuplicates": {}},
    {"refusals": {"scope": "turnPair"}},
    {"split": {"parts": [{"name": "held", "share": 0.2}, {"name": "kept", "share": 0.1}], "seed": 1}},
    {"subsample": {"share": 0.6}},
]


def chats(count):
    for number in range(count):
        asked = [("human", f"Tell me of {number % 50}"), ("gpt", f"It is {number % 50}")]
        refused = [("human", "And now the rest"), ("gpt", REFUSED)]
        short = [("human", "Go"), ("gpt", f"Gone {number}")]
        turns = [asked, asked + refused, asked + short, refused, asked[:1]][number % 5]
        yield json.dumps({"conversations": [{"from": who, "value": words} for who, words in turns]})


@pytest.fixture
def cleaned(bench):
    sources = [
        {"name": name, "uri": bench.lines(f"{name}.jsonl", *lines), "format": "sharegpt"}
        for name, lines in (("early", [*chats(120), "{half"]), ("late", list(chats(60))))
    ]
    return bench.run(main, Kind.CLEAN, {"sources": sources, "steps": STEPS})


@pytest.fixture(params=["whole", "in parts"])
def rows(request, cleaned, monkeypatch):
    if request.param == "in parts":
        monkeypatch.setattr(ranged, "WHOLE_BYTES", 0)
    return Rows.of(cleaned.store, cleaned.record)


def ids_in(cleaned, name):
    return pq.read_table(cleaned.path(name))["id"].to_pylist()


def test_every_row_has_one_story_and_it_ends_where_the_row_is(rows, cleaned):
    lines = pq.read_table(cleaned.path("ledger.parquet")).to_pylist()
    ends = {line["id"]: line["action"] for line in lines if line["action"] != "changed"}
    ends |= dict.fromkeys(ids_in(cleaned, "chats.parquet"), "out")
    for part in ("held", "kept"):
        ends |= dict.fromkeys(ids_in(cleaned, f"chats-{part}.parquet"), "set aside")

    told = [rows.story(row) for row in ends]

    assert {story["id"]: story["end"] for story in told} == ends
    assert len(ends) == 181
    assert set(ends.values()) == {"out", "set aside", "dropped", "rejected"}


def test_stories_add_up_to_the_counts_of_every_source_and_step(rows, cleaned):
    lines = pq.read_table(cleaned.path("ledger.parquet"))["id"].to_pylist()
    files = ("chats.parquet", "chats-held.parquet", "chats-kept.parquet")
    everyone = {*lines, *(row for name in files for row in ids_in(cleaned, name))}
    told = Counter(
        (story["source"], item["step"], item["what"])
        for story in map(rows.story, everyone)
        for item in story["steps"]
    )
    for step in cleaned.summary["steps"]:
        for source, counts in step["sources"].items():
            said = {
                what: told[source, step["name"], what]
                for what in ("dropped", "changed", "set aside", "passed")
            }
            assert said["dropped"] == counts["dropped"]
            assert said["changed"] == counts["changed"]
            assert said["set aside"] == counts["setAside"]
            assert sum(said.values()) == counts["in"]


def test_a_step_tells_its_lines_and_no_others(rows, cleaned):
    lines = pq.read_table(cleaned.path("ledger.parquet")).to_pylist()
    for step in ("intake", "refusals", "exactDuplicates", "join"):
        expected = [line for line in lines if line["step"] == step]

        assert first_lines(rows.ledger, 10_000, step).to_pylist() == expected
        assert first_lines(rows.ledger, 3, step).to_pylist() == expected[:3]


def test_a_larger_sample_holds_a_smaller_one_and_is_the_same_each_time(rows):
    small, large = (sampled_lines(rows.ledger, size, None).to_pylist() for size in (10, 40))

    assert len(small) == 10
    assert len(large) == 40
    assert all(line in large for line in small)
    assert sampled_lines(rows.ledger, 10, None).to_pylist() == small
    assert small != first_lines(rows.ledger, 10, None).to_pylist()


def test_a_sample_of_a_step_has_its_lines_alone(rows):
    whole = first_lines(rows.ledger, 1000, "refusals").to_pylist()

    sample = sampled_lines(rows.ledger, 5, "refusals").to_pylist()

    assert len(sample) == 5
    assert all(line in whole for line in sample)
    assert sampled_lines(rows.ledger, 10_000, "refusals").to_pylist() == whole


def test_a_row_goes_by_any_beginning_that_is_its_own(rows, cleaned):
    (one, *_), everyone = ids_in(cleaned, "chats.parquet"), ids_in(cleaned, "ledger.parquet")
    digits, _, number = one.partition("-")

    assert rows.find(one) == one
    assert rows.find(f"{digits[:12]}-{number}") == one
    with pytest.raises(SpecError, match=r"found several, expected one: .* Give more of its id"):
        rows.find(everyone[0][:1])
    with pytest.raises(SpecError, match=r"found no id that starts so among 181 rows\. The nearest is"):
        rows.find(one[:31] + "x")
