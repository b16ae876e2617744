"""A user's own rule: what it finds, what goes, and what the ledger says of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.api.parse import parse_experiment
from assay.errors import SpecErrors
from assay_pipelines.clean.steps.rule import LONGEST
from builders import SMALL
from plain_steps import judged

SECRET = "my secret is 42"
TALK = [
    ("system", "Be kind."),
    ("user", "Hi?"),
    ("assistant", "Hello."),
    ("user", "And?"),
    ("assistant", SECRET),
]


def rule(*patterns, **options):
    return {"rule": {"patterns": patterns} | options}


def told(lines):
    return [(line.rule, line.detail, line.dropped) for line in lines]


def test_a_chat_with_a_find_goes_and_its_line_tells_pattern_and_place_and_not_the_text():
    left, lines = judged(rule("nowhere", r"\d+", "secret"), [TALK, TALK[:3]])
    assert left == [None, TALK[:3]]
    assert told(lines) == [("pattern 1", "turn 4 at character 13", True)]
    assert "42" not in str(lines)


@pytest.mark.parametrize(
    ("role", "goes"), [("user", False), ("assistant", True), ("system", False), ("any", True)]
)
def test_only_the_turns_of_its_role_are_searched(role, goes):
    left, _ = judged(rule("secret", role=role), [TALK])
    assert left == [None if goes else TALK]


def test_any_role_means_tools_and_documents_too():
    left, _ = judged(rule("secret"), [[("tool", SECRET)], [("text", SECRET)]])
    assert left == [None, None]


def test_keep_drops_the_chats_without_a_find():
    left, lines = judged(rule("secret", action="keep"), [TALK, TALK[:3]])
    assert left == [TALK, None]
    assert told(lines) == [("noPattern", None, True)]


def test_of_a_chat_the_pairs_with_a_find_go():
    left, lines = judged(rule("secret", scope="turnPair"), [TALK])
    assert left == [TALK[:3]]
    assert told(lines) == [("pattern 0", "turn 4 at character 3; pairs 1", False)]


def test_kept_pairs_keep_what_stands_before_them():
    left, lines = judged(rule("secret", scope="turnPair", action="keep"), [TALK, TALK[:3]])
    assert left == [[TALK[0], *TALK[3:]], None]
    assert told(lines) == [("noPattern", "pairs 0", False), ("noPattern", "pairs 0", True)]


def test_a_turn_before_the_first_pair_goes_alone():
    left, lines = judged(rule("kind|secret", scope="turnPair"), [TALK, TALK[:1]])
    assert left == [TALK[1:3], None]
    assert told(lines)[0] == ("pattern 0", "turn 0 at character 3; turns 0; pairs 1", False)


@pytest.mark.parametrize(("action", "goes"), [("drop", True), ("keep", False)])
def test_a_document_is_one_pair(action, goes):
    chat = [("text", SECRET)]
    left, _ = judged(rule("secret", scope="turnPair", action=action), [chat])
    assert left == [None if goes else chat]


def test_what_is_behind_the_bound_is_not_searched():
    inside, behind = " " * (LONGEST - 1) + "x", " " * LONGEST + "x"
    left, _ = judged(rule("x"), [[("user", inside)], [("user", behind)]])
    assert left == [None, [("user", behind)]]


TURN = st.tuples(
    st.sampled_from(["system", "user", "assistant", "tool", "text"]), st.text("abé ", max_size=4)
)


@given(
    st.lists(st.lists(TURN, max_size=6), max_size=5),
    st.lists(st.sampled_from(["a", "b$", "^é", "a b", "c"]), min_size=1, max_size=3),
    st.sampled_from(["user", "assistant", "any"]),
)
def test_drop_and_keep_part_the_chats_as_a_search_of_each_turn_does(chats, patterns, role):
    def found(chat):
        return any(re.search(each, text) for who, text in chat if role in (who, "any") for each in patterns)

    dropped, _ = judged(rule(*patterns, role=role), chats)
    kept, _ = judged(rule(*patterns, role=role, action="keep"), chats)
    assert dropped == [None if found(chat) else chat for chat in chats]
    assert kept == [chat if found(chat) else None for chat in chats]


@given(st.lists(st.lists(TURN, max_size=6), max_size=5))
def test_pairs_that_are_left_have_no_find_and_a_second_pass_changes_nothing(chats):
    step = rule("a", scope="turnPair")
    left, _ = judged(step, chats)
    left = [chat for chat in left if chat]
    assert not any("a" in text for chat in left for _, text in chat)
    assert judged(step, left) == (left, [])


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a(b", r"found an error at character 1 \(missing \), unterminated subpattern\), expected a regular"),
        ("a{99999999999999}", r"found a pattern that is too large"),
    ],
)
def test_a_pattern_that_does_not_compile_is_a_fault_of_its_field(pattern, words):
    text = SMALL.replace("shortInput: {minWords: 2}", f"rule: {{patterns: [fine, '{pattern}']}}")
    with pytest.raises(SpecErrors, match=words) as caught:
        parse_experiment(text, "small.yaml")
    (fault,) = caught.value.faults
    assert ".rule.patterns[1], small.yaml:" in str(fault)
