"""Languages of turns: told by prose alone, silent where a turn is too short, and told alike at every call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.api.clean import Step
from assay_pipelines.clean.language import LEAST_LETTERS, guess_of, prose_of, settled
from plain_steps import judged

SAID = {
    "en": "The weather was so mild yesterday that we walked along the river until evening.",
    "de": "Das Wetter war gestern so mild, dass wir bis zum Abend am Fluss entlang gingen.",
    "fr": "Il faisait si doux hier que nous avons marché le long de la rivière jusqu'au soir.",
    "es": "Ayer hacía tan buen tiempo que caminamos por la orilla del río hasta la noche.",
    "ru": "Вчера погода была такой мягкой, что мы гуляли вдоль реки до самого вечера.",
    "ar": "كان الطقس معتدلا بالأمس لدرجة أننا مشينا على طول النهر حتى المساء.",
    "zh": "昨天天气很暖和，我们沿着河边一直走到晚上。",
    "ja": "昨日はとても暖かかったので、夕方まで川沿いを歩きました。",
    "ko": "어제는 날씨가 무척 따뜻해서 저녁까지 강을 따라 걸었습니다.",
    "th": "เมื่อวานอากาศอบอุ่นมากจนเราเดินเลียบแม่น้ำไปจนถึงตอนเย็น",
}
CODE = "```python\nfor item in range(10):\n    print(item, wenn, nicht, und, oder, aber, dieser)\n```"
SHORT = ["", "OK.", "Merci!", "¿Qué?", "42 + 1 = 43", "???", "Ja, gut."]


def language_of(text, least):
    guess = guess_of(text)
    return guess and settled(guess, least)


def talk(*texts):
    return [("assistant" if place % 2 else "user", text) for place, text in enumerate(texts)]


@pytest.mark.parametrize("code", SAID)
def test_a_plain_sentence_is_told(code):
    assert language_of(SAID[code], 0.8).code == code


@pytest.mark.parametrize("first", SAID)
@pytest.mark.parametrize("second", ["en", "zh"])
def test_a_chat_falls_if_and_only_if_its_turns_differ(first, second):
    left, lines = judged({"mixedLanguage": {}}, [talk(SAID[first], SAID[second])])
    assert (left == [None]) == (first != second)
    assert [line.detail for line in lines] == (
        [f"turn 0 is {first}, turn 1 is {second}"] if first != second else []
    )


@given(st.lists(st.sampled_from([*SHORT, SAID["de"], f"{SAID['de']}\n{CODE}"]), max_size=5))
def test_turns_too_short_to_tell_and_code_count_for_nothing(texts):
    left, lines = judged({"mixedLanguage": {}}, [talk(*texts)])
    assert left == [talk(*texts)]
    assert lines == []


def test_code_addresses_and_markup_are_no_prose():
    assert prose_of(f"Sieh {CODE} dort") == "Sieh dort"
    assert prose_of("Sieh `print()`, https://example.org/a?b und\n<b>dort</b>") == "Sieh , und dort"
    assert prose_of("a ```unclosed until the end") == "a"


def test_a_turn_of_code_alone_has_no_language():
    assert language_of(CODE, 0) is None


def test_fewer_letters_than_the_least_tell_nothing():
    assert language_of("a" * (LEAST_LETTERS - 1), 0) is None
    assert language_of("花" * (LEAST_LETTERS // 4), 0) is not None
    assert language_of("花" * (LEAST_LETTERS // 4 - 1), 0) is None


def test_lists_of_names_are_in_no_language_for_sure():
    assert language_of("Berlin, Roma, Toledo, Lima, Quito, Odessa, Aberdeen, Malmo, Porto", 0.8) is None


def test_messages_of_the_system_and_of_tools_are_no_turns():
    chat = [("system", SAID["fr"]), *talk(SAID["en"], SAID["en"]), ("tool", SAID["es"])]
    assert judged({"mixedLanguage": {}}, [chat])[0] == [chat]


def test_only_languages_to_keep_go_on():
    chats = [talk(SAID[code], "OK.") for code in SAID] + [talk("OK.", "Merci!"), talk(SAID["en"], SAID["fr"])]
    left, lines = judged({"languages": {"keep": ["en", "ja"]}}, chats)
    assert [chat for chat in left if chat] == [talk(SAID[code], "OK.") for code in ("en", "ja")] + [chats[-2]]
    assert lines[-1].detail == "turn 1 is fr"
    assert 0.8 <= lines[-1].score <= 1


def test_a_code_of_no_language_is_refused():
    with pytest.raises(ValidationError, match="pattern"):
        Step.model_validate({"languages": {"keep": ["en", "jp"]}})


@given(st.text(max_size=300))
def test_any_text_gives_the_same_answer_twice(text):
    assert language_of(text, 0.5) == language_of(text, 0.5)
