"""How answers refuse: the signs, what stands behind them, the levels, and where a sign is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay_pipelines.refusals import fold, refusal

LEVELS = ["narrow", "medium", "broad"]
ANSWER = (
    "Most people who try it begin with a small garden bed near the kitchen, where the soil is loose. "
    "They sow carrots in spring, water them every second day, and thin the rows once the leaves are a finger long. "
    "By late summer the roots are thick and sweet, and the first of them can go straight into the soup."
)


@pytest.mark.parametrize(
    ("text", "category", "least"),
    [
        ("As an AI language model, I see.", "selfIdentification", "narrow"),
        ("I’m sorry, but I can’t help.", "inability", "narrow"),
        ("I am\n not able to   provide that.", "inability", "narrow"),
        ("I must respectfully decline.", "inability", "narrow"),
        ("We won't be able to answer this.", "inability", "narrow"),
        ("That's not something I can do.", "inability", "narrow"),
        ("Unfortunately, your request cannot be processed.", "inability", "narrow"),
        ("I don't have personal preferences.", "noOpinion", "medium"),
        ("My knowledge cutoff is in 2021.", "knowledgeCutOff", "medium"),
        ("That goes against my programming.", "policy", "medium"),
        ("It is not appropriate to mock people.", "judgement", "medium"),
        ("Hacking is illegal and unethical. Please respect the privacy of others.", "judgement", "medium"),
        ("Please note that it rains.", "hedge", "broad"),
    ],
)
def test_a_sign_counts_from_its_level_upwards(text, category, least):
    found = [refusal(text, level) for level in LEVELS]
    assert [match is not None for match in found] == [place >= LEVELS.index(least) for place in range(3)]
    assert found[-1].category == category


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I cannot help with that. It is important to respect the law. Is there anything else?", "refusal"),
        ("I'm sorry, but I can't do that. Instead, please consult a professional near you.", "refusal"),
        ("As an AI, I have no opinion.", "refusal"),
        (f"I cannot visit your garden. {ANSWER}", "partial"),
        (f"[GPT]: I'm sorry, but I can't help with that. [DAN]: {ANSWER}", "partial"),
        (f"{ANSWER} But I cannot recommend doing so.", "partial"),
        (f"As an AI I have no opinion, but here is what others say. {ANSWER}", "disclaimer"),
        (f"As an AI language model, I don't have personal experience. However, {ANSWER}", "disclaimer"),
        (f"It's important to note that soils differ. {ANSWER}", "disclaimer"),
    ],
)
def test_what_an_answer_brings_tells_a_refusal_from_a_part_and_from_a_disclaimer(text, kind):
    assert refusal(text, "broad").kind == kind
    assert (refusal(text, "medium") is None) == (kind == "disclaimer")


@pytest.mark.parametrize(
    "text",
    [
        "Drugs are illegal and harmful; bias is a topic like any other.",
        "He said that the panda cannot fly.",
        "They apologized and moved on.",
        "I cannot stress enough how good this is.",
        "I can't wait to see you!",
        "I'm sorry to hear that you are ill. Rest, and drink a lot.",
        "I'm sorry for the confusion: the answer is 7.",
        "You cannot divide by zero, so the result is not defined.",
        "It is not possible to kill a process that you do not own; use sudo.",
        "Fields such as artificial intelligence are growing.",
        "",
        "[]:",
    ],
)
def test_topics_figures_of_speech_and_other_people_are_no_refusals(text):
    assert refusal(text, "medium") is None


def test_the_place_is_that_in_the_text_as_it_was_given():
    text = "  Well…\n\tİ see.  I   CANNOT\nhelp you."
    match = refusal(text, "narrow")
    assert match.phrase.startswith("i cannot")
    assert text[match.offset :].startswith("I   CANNOT")


@given(st.text(), st.sampled_from(LEVELS))
def test_any_text_is_judged_and_a_broader_level_finds_no_less(text, level):
    found = [refusal(f"{text} I cannot see {text}", level) is not None for level in LEVELS]
    assert found == sorted(found)


@given(
    st.text(), st.sampled_from(["I cannot assist", "as an AI language model", "I can’t provide"]), st.text()
)
def test_a_sign_is_found_between_other_words(before, phrase, after):
    text = f"{before} {phrase} {after}"
    match = refusal(text, "broad")
    assert match is not None
    assert fold(text[match.offset :]).startswith(match.phrase[:1])
