"""The refusal phrases: their levels, where they are found, and that tuning a list never breaks the search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_pipelines.refusals import fold, refusal

LEVELS = ["narrow", "medium", "broad"]


@pytest.mark.parametrize(
    ("text", "category", "least"),
    [
        ("As an AI language model, I see.", "selfIdentification", "narrow"),
        ("I’m sorry, but I can’t help.", "inability", "narrow"),
        ("I am\n not able to   provide that.", "inability", "narrow"),
        ("I don't have personal preferences.", "noOpinion", "medium"),
        ("My knowledge cutoff is in 2021.", "knowledgeCutOff", "medium"),
        ("That goes against my programming.", "policy", "medium"),
        ("Please note that it rains.", "hedge", "broad"),
    ],
)
def test_a_phrase_counts_from_its_level_upwards(text, category, least):
    found = [refusal(text, level) for level in LEVELS]
    assert [match is not None for match in found] == [place >= LEVELS.index(least) for place in range(3)]
    assert found[-1].category == category


@pytest.mark.parametrize(
    "text",
    [
        "Drugs are illegal and harmful; bias is a topic like any other.",
        "He said that the panda cannot fly.",
        "They apologized and moved on.",
        "",
    ],
)
def test_topics_and_other_people_are_no_refusals(text):
    assert refusal(text, "medium") is None


def test_the_place_is_that_in_the_text_as_it_was_given():
    text = "  Well…\n\tİ see.  I   CANNOT\nhelp you."
    match = refusal(text, "narrow")
    assert match.phrase.startswith("i cannot help")
    assert text[match.offset :].startswith("I   CANNOT")


@given(
    st.text(), st.sampled_from(["I cannot assist", "as an AI language model", "i can’t and won’t"]), st.text()
)
def test_a_phrase_is_found_between_other_words(before, phrase, after):
    match = refusal(f"{before} {phrase} {after}", "broad")
    assert match is not None
    text = f"{before} {phrase} {after}"
    assert fold(text[match.offset :]).startswith(match.phrase[:1])
