"""The steps that judge each chat by itself, against a plain oracle of each."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from assay.errors import StageError
from plain_steps import judged

WORDS = st.lists(st.sampled_from(["a", "B", "b ", "\n", "cat", "ünd"]), max_size=4).map(" ".join)
TURN = st.tuples(st.sampled_from(["system", "user", "assistant", "tool", "text"]), WORDS)
ANY_CHATS = st.lists(st.lists(TURN, max_size=7), max_size=6)
TALK = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4).map(
    lambda pairs: [turn for ask, answer in pairs for turn in (("user", ask), ("assistant", answer))]
)
TALKS = st.lists(TALK, max_size=6)


def talk(*texts):
    return [("assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]


@given(ANY_CHATS)
def test_alternation_keeps_what_a_state_machine_accepts(chats):
    def accepted(chat):
        turns = list(chat)
        while turns and turns[0][0] == "system":
            turns.pop(0)
        state = "begin"
        moves = {
            ("begin", "user"): "asked",
            ("asked", "assistant"): "answered",
            ("answered", "user"): "asked",
            ("answered", "tool"): "called",
            ("called", "tool"): "called",
            ("called", "assistant"): "answered",
        }
        for role, _ in turns:
            state = moves.get((state, role), "wrong")
        return state == "answered" and all(text.strip() for _, text in chat)

    left, _ = judged({"alternation": {}}, chats)
    assert left == [chat if accepted(chat) else None for chat in chats]


@pytest.mark.parametrize(
    ("chat", "rule"),
    [
        ([("assistant", "a")], "firstTurn"),
        ([("user", "a"), ("user", "b"), ("assistant", "c")], "order"),
        ([*talk("a", "b"), ("user", "c")], "lastTurn"),
        (talk("a", " "), "emptyTurn"),
        ([("text", "a")], "firstTurn"),
    ],
)
def test_alternation_says_what_is_wrong(chat, rule):
    _, lines = judged({"alternation": {}}, [chat])
    assert [line.rule for line in lines] == [rule]


@given(ANY_CHATS, st.integers(1, 3))
def test_short_input_takes_out_short_questions_with_their_answers(chats, least):
    def oracle(chat):
        left, going, asked = [], False, False
        for role, text in chat:
            if role == "user":
                going, asked = len(text.split()) < least, True
            if not going:
                left.append((role, text))
        return left if not asked or any(role == "user" for role, _ in left) else None

    left, lines = judged({"shortInput": {"minWords": least}}, chats)
    assert left == [oracle(chat) for chat in chats]
    assert {line.chat for line in lines} == {
        place for place, (before, after) in enumerate(zip(chats, left, strict=True)) if before != after
    }


@given(ANY_CHATS, st.floats(0.5, 3))
def test_low_average_keeps_chats_of_many_words_per_turn(chats, least):
    def oracle(chat):
        counts = [len(text.split()) for role, text in chat if role != "system"]
        return bool(counts) and sum(counts) / len(counts) >= least

    left, _ = judged({"lowAverage": {"minTokensPerMessage": least}}, chats)
    assert left == [chat if oracle(chat) else None for chat in chats]


@pytest.fixture(scope="module")
def characters(tmp_path_factory):
    """A tokenizer to which each character of `abc` is a token, and that is told to cut, pad and frame texts."""
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2, "?": 3, "[end]": 4}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A [end]", special_tokens=[("[end]", 4)])
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=9)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@given(
    st.lists(st.lists(st.tuples(TURN.map(lambda turn: turn[0]), st.text("abcé", max_size=5)), max_size=5)),
    st.floats(0.5, 4),
)
def test_low_average_of_a_tokenizer_counts_its_tokens_whole_and_without_special_ones(
    characters, chats, least
):
    def oracle(chat):
        counts = [len(text) for role, text in chat if role != "system"]
        return bool(counts) and sum(counts) / len(counts) >= least

    step = {"lowAverage": {"minTokensPerMessage": least, "tokenizer": "x"}}
    left, _ = judged(step, chats, [characters])
    assert left == [chat if oracle(chat) else None for chat in chats]


@given(TALKS, st.integers(2, 3), st.sampled_from([0, 0.5, 0.9]))
def test_repeated_queries_drops_chats_in_which_one_query_recurs(chats, least, share):
    def oracle(chat):
        queries = [re.sub(r"\s+", " ", text).strip().casefold() for role, text in chat if role == "user"]
        most = max(map(queries.count, queries))
        return not (most >= least and most / len(queries) > share)

    left, _ = judged({"repeatedQueries": {"minCount": least, "minShare": share}}, chats)
    assert left == [chat if oracle(chat) else None for chat in chats]


REFUSED = "I’m sorry, but I can’t help with that."


def test_refusals_drop_the_chat_and_tell_phrase_turn_and_place():
    chats = [talk("Do it.", "Sure."), talk("Hi?", "Hello.", "Do it.", f"Well. {REFUSED}")]
    left, (line,) = judged({"refusals": {"scope": "chat"}}, chats)
    assert left == [chats[0], None]
    assert line.rule == "refusal"
    assert line.detail == "inability: \"i'm sorry, but i can't\" in turn 3 at character 6"


def test_refusals_of_a_turn_pair_leave_the_other_pairs():
    chats = [talk("Hi?", "Hello.", "Do it.", REFUSED, "Then?", "Fine."), talk("Do it.", REFUSED)]
    left, lines = judged({"refusals": {"scope": "turnPair"}}, chats)
    assert left == [talk("Hi?", "Hello.", "Then?", "Fine."), None]
    assert [line.dropped for line in lines] == [False, True]


def test_refusals_of_a_message_leave_its_question():
    chats = [talk("Hi?", "Hello.", "Do it.", REFUSED), talk("Do it.", REFUSED)]
    left, lines = judged({"refusals": {"scope": "message"}}, chats)
    assert left == [talk("Hi?", "Hello.", "Do it."), None]
    assert [line.dropped for line in lines] == [False, True]


@pytest.mark.parametrize(
    ("scope", "rest"),
    [
        ("message", [*talk("Hi?", "Hello.", "Do it.", "Done."), ("user", "Again."), *talk("And?", "Fine.")]),
        ("turnPair", talk("Hi?", "Hello.", "Do it.", "Done.", "And?", "Fine.")),
        ("chat", None),
    ],
)
def test_answers_of_another_source_stand_in_and_what_has_none_goes_as_scope_says(tmp_path, scope, rest):
    path = tmp_path / "answers.jsonl"
    asked = [("Hi?", "Never used."), ("Do it.", "Not to this prompt."), ("Again.", REFUSED)]
    lines = [{"messages": [{"role": role, "content": text} for role, text in talk(*pair)]} for pair in asked]
    whole = talk(" Hi? ", "Another hello.", "Do\nit.", "Done.", "Again.", REFUSED)
    lines.append({"messages": [{"role": role, "content": text} for role, text in whole]})
    lines.append(
        {"messages": [{"role": role, "content": text} for role, text in [*whole[:3], ("assistant", "Late.")]]}
    )
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    step = {"refusals": {"scope": scope, "replaceWith": {"uri": "x", "format": "openai"}}}
    chats = [
        talk("Hi?", "Hello.", "Do it.", REFUSED),
        talk("Hi?", "Hello.", "Do it.", REFUSED, "Again.", REFUSED, "And?", "Fine."),
    ]
    left, lines = judged(step, chats, [path])
    assert left == [talk("Hi?", "Hello.", "Do it.", "Done."), rest]
    assert lines[0].detail.endswith("; answered instead in turns 3")
    assert [line.dropped for line in lines] == [False, rest is None]


def test_answers_that_cannot_be_read_are_refused(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text('{"prompt": "a"}')
    step = {"refusals": {"replaceWith": {"uri": "x", "format": "prompt-completion"}}}
    with pytest.raises(StageError, match=r"answers.jsonl:1: .*completion"):
        judged(step, [], [path])


def test_refusals_by_a_user_or_in_a_document_are_none():
    chats = [talk(REFUSED, "Sure."), [("text", REFUSED)], [("system", REFUSED)]]
    left, lines = judged({"refusals": {"level": "broad"}}, chats)
    assert left == chats
    assert lines == []


@given(st.lists(TURN, max_size=5))
def test_steps_judge_a_chat_by_itself(chat):
    others = [talk("Hi?", "Hello."), [], talk("Do it.", REFUSED)]
    for step in (
        {"alternation": {}},
        {"shortInput": {}},
        {"lowAverage": {}},
        {"refusals": {"scope": "turnPair"}},
    ):
        alone, _ = judged(step, [chat])
        among, _ = judged(step, [*others, chat])
        assert among[-1] == alone[0]
