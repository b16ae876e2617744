"""Whole clean stages on a real store: on a real Ray, and, where the data is small, without it."""

import gzip
import hashlib
import json
import os
import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from assay.api.source import Format
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import record_key
from assay_pipelines.clean import blocks, program
from assay_pipelines.clean.__main__ import main
from bench import WORDS

REFUSED = "I'm sorry, but I can't help with that request today, my friend, it is late."


def some_rows(count, *, seed=0, refused=0.2):
    draw = random.Random(seed)

    def sentence(most=14):
        return " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, most)))

    def chat():
        turns = []
        for _ in range(draw.randint(1, 3)):
            answer = REFUSED if draw.random() < refused else sentence(30)
            turns += [{"from": "human", "value": sentence()}, {"from": "gpt", "value": answer}]
        return turns[: draw.choice([len(turns)] * 9 + [1])]

    rows = [{"conversations": chat()} for _ in range(count)]
    return [json.dumps(row) for row in rows + draw.sample(rows, count // 10)]


def source(name, identity, form="sharegpt"):
    return {"name": name, "uri": identity, "format": form}


EVERY_STEP = [
    {"alternation": {}},
    {"shortInput": {"minWords": 3}},
    {"lowAverage": {"minTokensPerMessage": 4}},
    {"repeatedQueries": {}},
    {"merge": {"sources": ["late"]}},
    {"exactDuplicates": {}},
    {"nearDuplicates": {"shingle": 2, "jaccard": 0.3, "editSimilarity": 0.3}},
    {"refusals": {"scope": "turnPair"}},
    {"split": {"parts": [{"name": "held", "share": 0.1}], "seed": 1}},
    {"subsample": {"rows": 60, "stratify": "source"}},
]


def chats_of(outcome, name="chats.parquet"):
    return pq.read_table(outcome.path(name)).to_pylist()


def conserves(summary):
    for step in summary["steps"]:
        assert step["in"] == step["dropped"] + step["setAside"] + step["out"]
        for counts in step["sources"].values():
            assert counts["in"] == counts["dropped"] + counts["setAside"] + counts["out"]
    for counts in summary["sources"].values():
        parts = ("rejected", "dropped", "setAside", "out")
        assert counts["in"] == sum(counts[part] for part in parts)
    assert summary["rows"] == sum(counts["out"] for counts in summary["sources"].values())
    assert sum(summary["splits"].values()) == sum(
        counts["setAside"] for counts in summary["sources"].values()
    )
    return True


def dropped_by(summary, name):
    return next(step["dropped"] for step in summary["steps"] if step["name"] == name)


def test_bytes_do_not_depend_on_ray_or_cores_or_on_how_files_are_cut(bench, monkeypatch, on_ray):
    early = bench.lines("early.jsonl", *some_rows(300), "{half", '{"conversations": 3}')
    late = bench.lines("late.jsonl", *some_rows(40, seed=1))
    spec = {"sources": [source("early", early), source("late", late)], "steps": EVERY_STEP}
    digests = []
    ways = [(1, 1 << 22, -1), (2, 5000, -1), (1, 3000, 1 << 30)]
    for attempt, (cpus, size, small) in enumerate(ways, 1):
        monkeypatch.setattr(blocks, "SMALL_BYTES", small)
        monkeypatch.setattr(program, "piece_bytes", lambda _total, size=size: size)
        bench.store.delete(record_key(bench.stage(Kind.CLEAN, spec).ref))
        outcome = bench.run(main, Kind.CLEAN, spec, attempt=attempt, cpus=cpus)
        digests.append({path: file.sha256 for path, file in outcome.record.outputs.files.items()})
        assert conserves(outcome.summary)
        assert outcome.summary["rows"] == 60
        assert dropped_by(outcome.summary, "nearDuplicates") > 10
        assert outcome.summary["sources"]["early"]["rejected"] == 2
    assert set(digests[0]) == {"chats.parquet", "chats-held.parquet", "ledger.parquet"}
    assert digests == [digests[0]] * len(ways)


def test_every_row_is_kept_set_aside_or_in_the_ledger_once(bench):
    early = bench.lines("early.jsonl", *some_rows(200), "{half")
    late = bench.lines("late.jsonl", *some_rows(40, seed=1))
    spec = {"sources": [source("early", early), source("late", late)], "steps": EVERY_STEP}
    outcome = bench.run(main, Kind.CLEAN, spec)
    ledger = chats_of(outcome, "ledger.parquet")
    ids = {
        name: [row["id"] for row in chats_of(outcome, name)]
        for name in ("chats.parquet", "chats-held.parquet")
    }
    fell = [line["id"] for line in ledger if line["action"] != "changed"]
    everything = [*fell, *ids["chats.parquet"], *ids["chats-held.parquet"]]
    assert len(everything) == len(set(everything)) == 221 + 44
    assert all(mine == sorted(mine) for mine in ids.values())
    assert [line["id"] for line in ledger] == sorted(line["id"] for line in ledger)
    (half,) = [line for line in ledger if line["action"] == "rejected"]
    assert half["detail"].startswith("early.jsonl:221: ")
    known = set(everything)
    assert all(line["duplicate_of"] in known for line in ledger if line["step"] == "exactDuplicates")


def test_the_ledger_tells_of_which_cluster_a_similar_row_was_and_how_near_to_the_one_that_stayed(bench):
    def row(*words):
        turns = [("human", "Tell me, please: " + " ".join(words)), ("gpt", "Very well then.")]
        return json.dumps({"conversations": [{"from": who, "value": text} for who, text in turns]})

    words = [f"w{place}" for place in range(60)]
    first = bench.lines("first.jsonl", row(*words), row("something", "else"))
    second = bench.lines("second.jsonl", *(row(*words[:-1], f"x{place}") for place in range(8)))
    spec = {
        "sources": [source("first", first), source("second", second)],
        "steps": [{"merge": {"sources": ["second"]}}, {"name": "near", "nearDuplicates": {}}],
    }
    outcome = bench.run(main, Kind.CLEAN, spec)
    assert conserves(outcome.summary)
    kept = {chat["id"] for chat in chats_of(outcome)}
    ledger = chats_of(outcome, "ledger.parquet")
    assert len(kept) == 2
    assert {line["source"] for line in ledger} == {"second"}
    assert {(line["step"], line["action"], line["rule"]) for line in ledger} == {
        ("near", "dropped", "similarText")
    }
    assert len({line["duplicate_of"] for line in ledger} & kept) == 1
    assert [line["cluster"] for line in ledger] == [1] * 8
    assert {line["score"] for line in ledger} == {58 / 66}


def test_the_ledger_tells_a_changed_row_and_the_row_is_changed(bench):
    turns = [
        ("human", "Tell me a story"),
        ("gpt", "Once upon a time."),
        ("human", "Do it now"),
        ("gpt", REFUSED),
    ]
    row = {"conversations": [{"from": who, "value": words} for who, words in turns]}
    identity = bench.lines("one.jsonl", json.dumps(row))
    spec = {
        "sources": [source("one", identity)],
        "steps": [{"name": "no", "refusals": {"scope": "turnPair"}}],
    }
    outcome = bench.run(main, Kind.CLEAN, spec)
    (chat,) = chats_of(outcome)
    (line,) = chats_of(outcome, "ledger.parquet")
    assert [item["content"] for item in chat["messages"]] == ["Tell me a story", "Once upon a time."]
    assert (line["id"], line["step"], line["action"], line["rule"]) == (
        chat["id"],
        "no",
        "changed",
        "refusal",
    )
    assert (outcome.summary["messages"], outcome.summary["words"]) == (2, 8)


def test_rows_set_aside_meet_no_later_step_and_a_later_stage_reads_them(bench, on_ray):
    identity = bench.lines("rows.jsonl", *some_rows(120, refused=1))
    split = {"split": {"parts": [{"name": "held", "share": 0.3}]}}
    first = bench.run(
        main, Kind.CLEAN, {"sources": [source("a", identity)], "steps": [split, {"refusals": {}}]}
    )
    held = first.summary["splits"]["held"]
    assert held > 10
    second = bench.run(
        main,
        Kind.CLEAN,
        {"sources": [{"name": "b", "from": str(first.ref), "split": "held"}], "steps": []},
    )
    assert second.summary["rows"] == held
    ids = [[row["id"] for row in chats_of(*args)] for args in ((first, "chats-held.parquet"), (second,))]
    assert ids[0] == ids[1]
    assert list(second.record.provenance.inputs) == [str(first.ref)]


def test_a_prompt_that_is_answered_twice_is_on_one_side_of_a_split_by_prompt(bench, on_ray):
    answered = [
        json.dumps({"prompt": f"question {number}", "completion": f"answer {answer}"})
        for number in range(100)
        for answer in (1, 2)
    ]
    asked = source("a", bench.lines("rows.jsonl", *answered), "prompt-completion")

    def sides(**words):
        split = {"split": {"parts": [{"name": "held", "share": 0.3}]} | words}
        done = bench.run(main, Kind.CLEAN, {"sources": [asked], "steps": [{"exactDuplicates": {}}, split]})
        return [
            {row["messages"][0]["content"] for row in chats_of(done, *file)}
            for file in ((), ("chats-held.parquet",))
        ]

    learned, held = sides(by="prompt")
    assert len(held) > 10
    assert (len(learned | held), learned & held) == (100, set())
    learned, held = sides()
    assert learned & held


def test_a_sample_like_another_stage_has_as_many_rows(bench):
    identity = bench.lines("rows.jsonl", *some_rows(100))
    sources = [source("a", identity)]
    filtered = bench.run(main, Kind.CLEAN, {"sources": sources, "steps": [{"refusals": {}}]})
    step = {"subsample": {"like": str(filtered.ref), "match": "rows", "stratify": "source", "seed": 1}}
    matched = bench.run(main, Kind.CLEAN, {"sources": sources, "steps": [step]})
    assert matched.summary["rows"] == filtered.summary["rows"] < 110


@pytest.mark.parametrize(
    ("lines", "steps", "reason"),
    [
        ([], [], "EmptySource"),
        (["{}", "null"], [], "SourceUnreadable"),
        (
            [json.dumps({"conversations": [{"from": "human", "value": "a"}]})],
            [{"subsample": {"rows": 2}}],
            "TooFewRows",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_reason(bench, lines, steps, reason):
    spec = {"sources": [source("a", bench.lines("rows.jsonl", *lines))], "steps": steps}
    outcome = bench.run(main, Kind.CLEAN, spec)
    assert outcome.refused[0] == reason
    assert outcome.record is None


def test_a_source_of_which_no_row_can_be_read_is_named_with_how_many_there_are_and_why(bench):
    rows, broken = bench.folder / "other.jsonl", bench.folder / "broken.parquet"
    rows.write_text('{"text": "a"}\nhalf\n{"text": "b"}\n')
    broken.write_bytes(b"no parquet")
    sources = [
        source("good", bench.lines("rows.jsonl", *some_rows(3))),
        source("other", bench.outside(rows)),
        source("broken", bench.outside(broken)),
    ]

    outcome = bench.run(main, Kind.CLEAN, {"sources": sources, "steps": [{"alternation": {}}]})

    assert (outcome.code, outcome.refused[0]) == (64, "SourceUnreadable")
    assert outcome.refused[1].startswith(
        "source other, source broken: found 3 of 3 rows that cannot be read as sharegpt, most often: "
        "found members text, expected conversations; found 1 of 1 rows that cannot be read as sharegpt, most often: "
        "found a file that cannot be read"
    )
    assert outcome.refused[1].endswith(
        "Name the format that its files are in, mend them, or remove the source."
    )


def test_a_source_whose_rows_are_all_dropped_can_be_read(bench):
    cut = json.dumps({"conversations": [{"from": "human", "value": "a"}]})
    sources = [
        source("a", bench.lines("rows.jsonl", cut)),
        source("b", bench.lines("more.jsonl", *some_rows(3))),
    ]

    summary = bench.run(main, Kind.CLEAN, {"sources": sources, "steps": [{"alternation": {}}]}).summary

    assert (summary["sources"]["a"]["rejected"], summary["sources"]["a"]["dropped"]) == (0, 1)


def test_a_failure_names_files_by_what_the_spec_names_and_not_by_their_content(bench):
    answers = bench.lines("answers.jsonl", "{}")
    step = {"refusals": {"replaceWith": {"uri": answers, "format": "prompt-completion"}}}
    spec = {"sources": [source("a", bench.lines("rows.jsonl", *some_rows(3)))], "steps": [step]}

    _, message = bench.run(main, Kind.CLEAN, spec).refused

    assert message.startswith(f"{(bench.folder / 'answers.jsonl').as_uri()}: answers.jsonl:1: found ")
    assert "sha256:" not in message


SAMPLES = Path(__file__).parents[3] / "manifests" / "samples" / "data"
SAMPLE_FORMATS = {
    "chats": "sharegpt",
    "prompts": "sharegpt",
    "guanaco": "guanaco",
    "pretrain": "text",
    "held-out": "text",
}
FORMATS = {
    "alpaca": ["alpaca_en_demo.json", "alpaca_zh_demo.json", "identity.json"],
    "sharegpt": [
        "glaive_toolcall_en_demo.json",
        "glaive_toolcall_zh_demo.json",
    ],
    "openai": ["kto_en_demo.json", "v1_sft_demo.jsonl"],
    "text": ["c4_demo.jsonl", "wiki_demo.txt"],
}


def real_files():
    """Return the data below ASSAY_DATA, or the samples' own."""
    if "ASSAY_DATA" not in os.environ:
        return [(form, SAMPLES / f"{name}.jsonl") for name, form in SAMPLE_FORMATS.items()]
    data = Path(os.environ["ASSAY_DATA"])
    files = [(form, data / "llama_factory_demo" / name) for form, names in FORMATS.items() for name in names]
    files += [("oasst", path) for path in sorted((data / "oasst_en100" / "data").glob("*_tree.jsonl"))]
    files += [("hh-rlhf", path) for path in sorted((data / "hh_rlhf").rglob("*.gz"))]
    return [(form, path) for form, path in files if path.exists()]


@pytest.mark.skipif(not real_files(), reason="ASSAY_DATA holds none of the files")
def test_real_files_conserve_every_row(bench, on_ray):
    files = real_files()
    sources = [source(f"s{place}", bench.outside(path), form) for place, (form, path) in enumerate(files)]
    steps = [{"alternation": {}}, {"exactDuplicates": {}}, {"refusals": {}}]
    outcome = bench.run(main, Kind.CLEAN, {"sources": sources, "steps": steps})
    assert conserves(outcome.summary)
    for place, (_, path) in enumerate(files):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        value = (
            json.loads(data)
            if path.suffix == ".json"
            else [line for line in data.split(b"\n") if line.strip()]
        )
        expected = len(value) if isinstance(value, list) else 1
        assert outcome.summary["sources"][f"s{place}"]["in"] == expected, path
    assert outcome.summary["rows"] > 500
    assert (
        len({hashlib.sha256(row["id"].encode()).digest() for row in chats_of(outcome)})
        == outcome.summary["rows"]
    )


def in_every_format(turns):
    """Write one chat of user and assistant in each format that can hold it."""
    (ask, answer), pairs = turns[-1], turns[:-1]
    flat = [turn for ask, answer in turns for turn in (("user", ask), ("assistant", answer))]
    node = None
    for role, text in reversed(flat):
        spelled = {"user": "prompter"}.get(role, role)
        node = {"role": spelled, "text": text, "replies": [node] if node else [], "rank": 0}
    marked = {"user": "Human", "assistant": "Assistant"}
    spoken = "".join(f"\n\n{marked[role]}: {text}" for role, text in flat)
    records = {
        "sharegpt": {
            "conversations": [
                {"from": {"user": "human"}.get(role, "gpt"), "value": text} for role, text in flat
            ]
        },
        "alpaca": {"instruction": ask, "input": "", "output": answer, "history": pairs},
        "openai": {"messages": [{"role": role, "content": text} for role, text in flat]},
        "oasst": {"prompt": node},
        "oasst-all": {"prompt": node},
        "guanaco": {"text": "".join(f"### {marked[role]}: {text}" for role, text in flat)},
        "hh-rlhf": {"chosen": spoken, "rejected": ""},
    }
    return records if pairs else records | {"prompt-completion": {"prompt": ask, "completion": answer}}


def test_the_same_chats_have_the_same_ids_in_every_format(bench):
    chats = [
        [("Is 1 < 2, Jürgen?", "Ja: 1 < 2.\n\n```\nx = '漢字 🎉'\n```")],
        [("Hi?", "Hello."), ('And "you"?', "Fine,\tthanks."), ("Bye.", "See <you>.")],
    ]
    written = [in_every_format(chat) for chat in chats]
    sources = [
        source(
            f"as-{form}",
            bench.lines(f"{form}.jsonl", *(json.dumps(chat[form]) for chat in written if form in chat)),
            form,
        )
        for form in written[0]
    ]
    outcome = bench.run(main, Kind.CLEAN, {"sources": sources, "steps": []})
    found = {}
    for row in chats_of(outcome):
        found.setdefault(row["id"].split("-")[0], set()).add(row["source"])
    every = {f"as-{form}" for form in Format if form != Format.TEXT}
    assert sorted(found.values(), key=len) == [every - {"as-prompt-completion"}, every]


def test_a_part_that_another_stage_did_not_set_aside_is_refused(bench):
    other = bench.done(Kind.CLEAN, {"seed": 1}, rows=0)
    whole = {"name": "a", "from": str(other), "split": "heldOut"}

    outcome = bench.run(main, Kind.CLEAN, {"sources": [whole], "steps": []})

    assert outcome.refused[0] == "DataMissing"


def test_what_a_step_names_outside_reaches_it_and_is_reported_by_benchmark(bench, on_ray):
    words = " ".join(WORDS)
    items = bench.lines("items.jsonl", json.dumps({"text": words, "benchmark": "rhymes"}))
    rows = bench.lines(
        "rows.jsonl", *(json.dumps({"prompt": "Go on.", "completion": text}) for text in (words, "Well."))
    )
    spec = {
        "sources": [source("a", rows, "prompt-completion")],
        "steps": [{"decontaminate": {"uri": items, "ngram": 13}}],
    }
    outcome = bench.run(main, Kind.CLEAN, spec)
    (line,) = chats_of(outcome, "ledger.parquet")
    assert (line["rule"], line["score"]) == ("benchmark rhymes", len(WORDS) - 12)
    assert outcome.summary["rows"] == 1
