"""A user's own rule in Python: what it is given, what goes, and what is told when it fails."""

import json
import re
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.api.parse import parse_experiment
from assay.artifacts.kinds import Kind
from assay.errors import SpecErrors, StageError
from assay_pipelines.clean import blocks
from assay_pipelines.clean.__main__ import main
from builders import SMALL
from plain_steps import judged, passed, working

SHOUTS = """
from dataclasses import dataclass

@dataclass
class Verdict:
    name: "str | None"

def judge(chats):
    loud = [any(turn["content"].isupper() for turn in chat) for chat in chats.to_pylist()]
    return [Verdict("shouts" if each else None).name for each in loud]
"""
VECTORS = """
import numpy as np
import pyarrow.compute as pc

def judge(chats):
    return pc.if_else(pc.greater(pc.list_value_length(chats), 2), "long", None)
"""
STEP = {"rule": {"file": "rule.py"}}
SECRET = "my secret is 42"
TALK = [("user", SECRET), ("assistant", "NO."), ("user", "And?")]


@pytest.fixture
def by(tmp_path):
    def run(text, chats):
        path = tmp_path / "rule.py"
        path.write_text(text)
        return judged(STEP, chats, [path])

    return run


def refused(by, text, chats=(TALK,)):
    with pytest.raises(StageError) as caught:
        by(text, list(chats))
    assert caught.value.reason == "RuleFailed"
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_what_the_file_names_goes_by_that_name(by):
    left, lines = by(SHOUTS, [TALK, TALK[:1], [("text", "")]])
    assert left == [None, TALK[:1], [("text", "")]]
    assert [(line.chat, line.rule, line.detail, line.dropped) for line in lines] == [
        (0, "shouts", None, True)
    ]


def test_arrow_computes_on_all_chats_at_once(by):
    left, (line,) = by(VECTORS, [TALK, TALK[:2]])
    assert (left, line.rule) == ([None, TALK[:2]], "long")


def test_no_chats_are_nothing_to_judge(by):
    assert by("def judge(chats):\n    raise ValueError", []) == ([], [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def judge(chats)\n    pass", r"rule.py, line 1: found expected ':', expected Python"),
        ("import os\nimport nowhere_to_be_found", r"rule.py, line 2: found ModuleNotFoundError \(No module"),
        ("x = 1", r"rule.py: found no function judge"),
        ("def judge(chats):\n\n    return helper(chats)\ndef helper(chats):\n    return 1 / 0", r"rule.py, line 5: found ZeroDiv"),
        ("def judge(chats):\n    raise KeyError(chats[0][0]['content'].as_py())", r"rule.py, line 2: found KeyError, expected"),
        ("import sys\ndef judge(chats):\n    sys.exit(3)", r"rule.py, line 3: found SystemExit, expected"),
        ("def judge(chats):\n    return [None, None]", r"rule.py, judge: found 2 answers for 1 chats, expected"),
        ("def judge(chats):\n    return 3", r"rule.py, judge: found TypeError, expected"),
        ("def judge(chats):\n    return [True]", r"rule.py, judge: found an answer of type bool, expected"),
        ("def judge(chats):\n    return ['']", r"rule.py, judge: found an answer of type str, expected a name of at most 100"),
        ("def judge(chats):\n    return chr(10)", r"rule.py, judge: found an answer of type str"),
    ],
)  # fmt: skip
def test_a_file_that_fails_is_told_by_its_line_and_never_by_a_chats_text(by, text, words):
    assert re.match(words, refused(by, text))


@given(
    st.lists(st.lists(st.sampled_from([("user", "HI"), ("assistant", "no"), ("user", "a b")]), max_size=4), max_size=6),
    st.integers(0, 6),
)  # fmt: skip
def test_lines_are_those_of_any_cut_of_the_rows(tmp_path_factory, chats, cut):
    path = tmp_path_factory.getbasetemp() / "any-cut.py"
    path.write_text(SHOUTS)
    table = working(chats)
    judge = partial(passed, steps=[STEP], files=[path])
    whole = judge(table)
    parts = [judge(part) for part in (table[:cut], table[cut:])]
    assert whole["lines"].to_pylist() == [lines for part in parts for lines in part["lines"].to_pylist()]
    assert whole["kept"].to_pylist() == [kept for part in parts for kept in part["kept"].to_pylist()]


ROWS = [json.dumps({"text": text}) for text in ("quiet", "LOUD", "again quiet", "LOUDER")]


def cleaned(bench, text, **options):
    path = bench.folder / "own.py"
    path.write_text(text)
    spec = {
        "sources": [{"name": "texts", "uri": bench.lines("texts.jsonl", *ROWS), "format": "text"}],
        "steps": [{"rule": {"file": bench.outside(path)}}],
    }
    return bench.run(main, Kind.CLEAN, spec, **options)


def test_a_stage_runs_the_file_in_rays_workers_as_it_runs_it_here(bench, on_ray, monkeypatch):
    there = cleaned(bench, SHOUTS, cpus=2)
    assert there.summary["steps"][0]["dropped"] == 2
    monkeypatch.setattr(blocks, "SMALL_BYTES", 1 << 30)
    here = cleaned(bench, SHOUTS + "\n", cpus=2)
    assert here.ref != there.ref  # its bytes are identity
    assert here.record.outputs == there.record.outputs


FAILS = "def judge(chats):\n    return [chat[0]['content'].as_py()[9] and None for chat in chats]"


def test_a_failure_in_a_worker_is_told_as_one_here_and_is_not_tried_again(bench, on_ray, capfd):
    outcome = cleaned(bench, FAILS)
    assert outcome.code == 64
    assert outcome.failure.retry == "never"
    reason, message = outcome.refused
    assert reason == "RuleFailed"
    assert message.startswith("own.py, line 2: found IndexError, expected a name")
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{file: rule.py, action: keep}", "found role, action or scope beside file"),
        ("{file: rule.py, patterns: [a]}", "found patterns and file, expected exactly one of"),
        ("{}", "found none of patterns, file, expected exactly one"),
    ],
)
def test_a_rule_is_patterns_or_a_file(step, words):
    with pytest.raises(SpecErrors, match=words):
        parse_experiment(SMALL.replace("shortInput: {minWords: 2}", f"rule: {step}"), "small.yaml")
