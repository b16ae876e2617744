"""The fast tokenizer of a folder, as steps of cleaning that count or compare tokens use it.

It travels as the JSON of its file, so that tasks need no folder, and is made of it once per process.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from tokenizers import Encoding, Tokenizer

from assay.api.clean import DuplicateSubstrings, LowAverage
from assay.errors import StageError

_FILE = "tokenizer.json"


def tokenizer_of(step: LowAverage | DuplicateSubstrings, outside: Callable[[str], list[Path]]) -> str | None:
    """Read the fast tokenizer of a folder, if the step names one.

    Raises:
        StageError: `TokenizerMissing`, or what `outside` raises.

    """
    if step.tokenizer is None:
        return None
    found = next((path for path in outside(step.tokenizer) if path.name == _FILE), None)
    if found is None:
        raise StageError(
            "TokenizerMissing",
            f"tokenizer {step.tokenizer}",
            f"found no {_FILE}, expected a folder with one",
            "Save the fast tokenizer into it.",
        )
    return found.read_text(encoding="utf-8")


def encoded(texts: list[str], tokenizer: str) -> list[Encoding]:
    """Tokenize texts, each by itself, whole and without special tokens."""
    return _loaded(tokenizer).encode_batch(texts, add_special_tokens=False)


@lru_cache(maxsize=1)
def _loaded(tokenizer: str) -> Tokenizer:
    loaded = Tokenizer.from_str(tokenizer)
    loaded.no_truncation()
    loaded.no_padding()
    return loaded
