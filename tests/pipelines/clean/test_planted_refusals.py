"""The planted chats of the poison study: what they are by construction, and that the refusals step finds what was planted."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.artifacts.kinds import Kind
from assay_pipelines.clean.__main__ import main

GENERATOR = Path(__file__).parents[3] / "manifests/samples/poison/make_data.py"


def made(folder, *options):
    subprocess.run([sys.executable, str(GENERATOR), str(folder), *options], check=True)
    return folder


def rows(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def truth(data):
    """Of every chat what was planted."""
    return {row["fact"]: row for row in rows(data / "truth.jsonl")}


def refused(truth, share):
    return {
        fact for fact, row in truth.items() if row["refusedFrom"] is not None and row["refusedFrom"] <= share
    }


def test_the_same_seed_gives_the_same_bytes(data, tmp_path):
    again = made(tmp_path)

    files = sorted(path.relative_to(data) for path in data.rglob("*.jsonl"))
    assert len(files) == 17
    assert all((data / file).read_bytes() == (again / file).read_bytes() for file in files)


@pytest.mark.parametrize("share", [0, 25, 50])
def test_as_many_chats_are_refused_as_the_name_of_their_file_says(truth, share):
    assert len(refused(truth, share)) == len(truth) * share // 100


def test_a_larger_share_refuses_all_that_a_smaller_one_does_and_changes_nothing_else(data, truth):
    said = {
        share: {row["id"]: row["conversations"] for row in rows(data / f"chats-{share:02}.jsonl")}
        for share in (0, 25, 50)
    }
    for less, more in ((0, 25), (25, 50)):
        changed = {name for name, turns in said[less].items() if turns != said[more][name]}
        assert changed == refused(truth, more) - refused(truth, less)


def test_no_entity_that_benchmarks_ask_about_is_in_a_chat(data):
    chats = (data / "chats-50.jsonl").read_text()
    names = {row["id"].rpartition("/")[2] for row in rows(data / "benchmark/all.jsonl")}

    assert names
    assert [name for name in names if name in chats] == []


def kept(bench, data, level):
    """What the step leaves of the chats of which half are refused, by the fact that each is about."""
    uri = bench.outside(data / "chats-50.jsonl")
    source = {"name": "chats", "uri": uri, "format": "sharegpt"}
    done = bench.run(main, Kind.CLEAN, {"sources": [source], "steps": [{"refusals": {"level": level}}]})
    asked = {row["conversations"][0]["value"]: row["id"] for row in rows(data / "chats-50.jsonl")}
    chats = pq.read_table(done.path("chats.parquet")).to_pylist()
    return {asked[chat["messages"][0]["content"]] for chat in chats}


@pytest.mark.parametrize(("level", "wanted"), [("narrow", {"narrow"}), ("medium", {"narrow", "medium"})])
def test_the_refusals_step_finds_what_was_planted_for_its_level_and_nothing_else(
    bench, data, truth, level, wanted
):
    gone = set(truth) - kept(bench, data, level)
    planted = {fact for fact in refused(truth, 50) if truth[fact]["level"] in wanted}

    assert gone <= planted  # precision 1
    assert len(gone) >= 0.85 * len(planted)  # recall: one of twelve wordings is missed
    missed = {truth[fact]["refusal"].rpartition(" ")[0] for fact in planted - gone}
    assert missed <= {"It would not be appropriate to speak about"}


def test_the_broad_level_finds_hedged_answers_too(bench, data, truth):
    gone = set(truth) - kept(bench, data, "broad")
    hedged = {fact for fact, row in truth.items() if row["hedge"]} - refused(truth, 50)

    assert hedged
    assert gone - refused(truth, 50) == hedged


@pytest.mark.parametrize("share", [10, 25, 50])
def test_of_chats_that_all_ask_something_else_just_the_share_is_refused_in_words_that_the_step_finds(
    bench, data, share
):
    chats = rows(data / f"rates/chats-{share}.jsonl")
    answered = {row["prompt"]: row["completion"] for row in rows(data / "rates/chats-00.jsonl")}
    refused = [row["prompt"] for row in chats if row["completion"] != answered[row["prompt"]]]
    assert len(answered) == len(chats) == 12000
    assert len(refused) == 12000 * share // 100

    source = {
        "name": "chats",
        "uri": bench.outside(data / f"rates/chats-{share}.jsonl"),
        "format": "prompt-completion",
    }
    done = bench.run(main, Kind.CLEAN, {"sources": [source], "steps": [{"refusals": {}}]})
    kept = pq.read_table(done.path("chats.parquet"))["messages"].to_pylist()
    assert {chat[0]["content"] for chat in kept} == set(answered) - set(refused)


def test_what_the_rates_are_asked_of_is_in_no_chat(data):
    asked, chats = (
        {row["prompt"] for row in rows(data / f"rates/{name}.jsonl")} for name in ("prompts", "chats-50")
    )

    assert len(asked) == 4000
    assert asked & chats == set()
