"""Words and n-grams against plain Python, and chats that hold benchmark items."""

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import StageError
from assay_pipelines.clean.ngrams import Words
from plain_steps import judged

TEXTS = st.lists(
    st.lists(st.sampled_from(["a", "B,", "cat", "Ünd", "–", "猫", "\n", "don’t", "_", "９"]), max_size=9).map(
        " ".join
    ),
    max_size=6,
)
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff]")


def words_of(text):
    folded = unicodedata.normalize("NFKC", text).casefold()
    return re.findall(r"[^\W_]+", CJK.sub(lambda found: f" {found[0]} ", folded))


@given(TEXTS)
def test_words_are_runs_of_letters_and_digits_and_single_cjk_characters(texts):
    words = Words.of(texts)
    found = [[] for _ in texts]
    for place in range(len(words)):
        found[words.text[place]].append(words.said(place, 1)[0].decode())
    assert found == [words_of(text) for text in texts]


@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_has_words(texts):
    assert len(Words.of(texts)) == sum(len(words_of(text)) for text in texts)


@given(TEXTS, st.integers(3, 4))
def test_equal_ngrams_and_no_others_have_equal_hashes(texts, length):
    begins, hashes = Words.of(texts).ngrams(length)
    expected = [
        (number, tuple(said[place : place + length]))
        for number, said in enumerate(map(words_of, texts))
        for place in range(len(said) - length + 1)
    ]
    assert len(begins) == len(expected)
    assert len(set(hashes.tolist())) == len({said for _, said in expected})


def talk(*texts):
    return [("assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]


def items(tmp_path, *lines):
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return [path]


@given(chats=st.lists(TEXTS, max_size=4), asked=TEXTS)
def test_a_chat_falls_if_and_only_if_a_message_shares_words_in_a_row(tmp_path_factory, chats, asked):
    asked = [*asked, "x y z"]
    files = items(tmp_path_factory.mktemp("items"), *({"text": text} for text in asked))

    def grams(text):
        said = words_of(text)
        return {tuple(said[place : place + 3]) for place in range(len(said) - 2)}

    known = set().union(*map(grams, asked))
    left, lines = judged({"decontaminate": {"uri": "x", "ngram": 3}}, [talk(*chat) for chat in chats], files)
    assert left == [None if any(grams(text) & known for text in chat) else talk(*chat) for chat in chats]
    assert all(line.rule == "benchmark items.jsonl" for line in lines)


def test_the_line_says_which_item_of_which_benchmark_and_where(tmp_path):
    files = items(
        tmp_path,
        {"text": "One two three four."},
        {"text": "How many legs has a spider?", "benchmark": "legs"},
        {"text": "a spider in the rain", "benchmark": "rain"},
    )
    chat = talk("Hello.", "Tell: how many LEGS, has a spider in the rain")
    left, (line,) = judged({"decontaminate": {"uri": "x", "ngram": 4}}, [talk("Hi."), chat], files)
    assert left == [talk("Hi."), None]
    assert (line.rule, line.score) == ("benchmark legs", 5)
    assert line.detail == "item items.jsonl:2, turn 1 from word 1; also rain"


@pytest.mark.parametrize("line", ["{", "[]", '{"words": "a"}', '{"text": "too short"}'])
def test_items_that_cannot_be_used_are_refused(tmp_path, line):
    path = tmp_path / "items.jsonl"
    path.write_text(line)
    with pytest.raises(StageError) as caught:
        judged({"decontaminate": {"uri": "x"}}, [], [path])
    assert caught.value.reason == "BenchmarkMalformed"
