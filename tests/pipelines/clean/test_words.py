"""Words of many texts at once, against a count of each by regular expressions."""

import re
import sys

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_pipelines.clean.words import ALONE, MARKS, word_counts


def character_class(ranges):
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


CHARACTER = re.compile(f"[{character_class(ALONE)}]")
CHARACTER_OR_MARK = re.compile(f"[{character_class(ALONE + MARKS)}]")


def count_words(text):
    return len(CHARACTER.findall(text)) + len(CHARACTER_OR_MARK.sub(" ", text).split())


CHARACTERS = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
PIECES = [
    "a",
    "bc",
    " ",
    "\n",
    "\x1c",
    "\x85",
    "\xa0",
    "\u2003",
    "\u3000",
    "é",
    "。",
    "字",
    "カ",
    "ﾊ",
    "😀",
    "𠀁",
    "",
]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=8).map("".join), max_size=12)


def test_every_character_parts_words_is_one_or_is_in_one_as_it_is_alone():
    texts = [f"a{character}b" for character in CHARACTERS]
    assert word_counts(pa.array(texts)).tolist() == [count_words(text) for text in texts]


@given(TEXTS, st.integers(0, 12))
def test_texts_are_counted_each_by_itself_and_in_parts_of_an_array_too(texts, begin):
    part = pa.array(texts, pa.string()).slice(begin)
    assert word_counts(part).tolist() == [count_words(text) for text in texts[begin:]]


def test_a_long_text_and_many_short_ones_are_counted_whole():
    texts = ["one two " * 100_000, "", *["three words here"] * 50_000, "字" * 200_000]
    assert word_counts(pa.array(texts)).tolist() == [200_000, 0, *[3] * 50_000, 200_000]


def test_letter_case_changes_no_number_of_words_so_that_equal_queries_have_equal_numbers():
    texts = [f"a {character}b" for character in CHARACTERS]
    folded = [text.casefold() for text in texts]
    assert (word_counts(pa.array(texts)) == word_counts(pa.array(folded))).all()


def test_white_space_is_the_same_to_arrow_and_to_python():
    blank = pc.utf8_is_space(pa.array(CHARACTERS)).to_pylist()
    assert blank == [character.isspace() for character in CHARACTERS]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        ("one  two\nthree", 3),
        ("你好，世界。", 4),
        ("我用 Python 写 code", 5),
        ("カタカナ", 4),
        ("안녕 세상", 2),
        ("naïve café", 2),
    ],
)
def test_words_are_parted_by_white_space_and_characters_of_cjk_stand_alone(text, words):
    assert count_words(text) == words
    assert word_counts(pa.array([text])).tolist() == [words]
