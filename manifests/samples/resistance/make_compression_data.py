"""Make `data/compression/` beside this file: three sets of responses that share nothing, in exact proportions.

`python manifests/samples/resistance/make_compression_data.py [TARGET]`. Standard library alone; the same bytes every time.

A response begins with a word that no other has, and goes on alike: a leaf of the theorem's token tree. Each part of the data has
three, whose shares fall as 1/rank (Pareto masses): 6, 3 and 2 of 11. Pre-training data are a third of each part; the alignment
data are of the second part, the perturbing data of the third, a fifth as many. Every number is a multiple of 11, so every file
has each response just as often as its share says: nothing is drawn or rounded, so the truth is known, what an ideal mixture of
these very files would show is `ideal_elasticity`, and what differs between runs is their training. A response and the separator are 15
tokens, as many as a training of sequences of 16 takes at a time: each is learned by itself. `k` is |pre-training data| / |alignment data|.
"""

import hashlib
import json
import sys
from pathlib import Path

PARTS = ("first", "second", "third")
MASSES = (6, 3, 2)  # 1, 1/2 and 1/3, of the responses of a part
PRETRAINING = 1320  # of which a third, an eighth and a fifth of that are multiples of the masses' sum
RATIOS = (1, 2, 4, 8)
PERTURBATION = 5  # so many rows of alignment data to one of perturbing data
HELD_OUT = 11  # rows of a part
REST = " it was , and so it is , and so it will be"  # of every response
SEPARATOR = "<|endoftext|>"

Row = dict[str, str]


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data" / "compression"
    target.mkdir(parents=True, exist_ok=True)
    write(target / "pretraining.jsonl", [row for part in PARTS for row in rows(part, PRETRAINING // 3, "p")])
    for ratio in RATIOS:
        aligned = PRETRAINING // ratio
        write(target / f"alignment-{ratio}.jsonl", rows("second", aligned, "a"))
        write(target / f"perturbation-{ratio}.jsonl", rows("third", aligned // PERTURBATION, "t"))
    held_out = {part: rows(part, HELD_OUT, "h") for part in PARTS}
    write(target / "held-out-pretraining.jsonl", [row for part in PARTS for row in held_out[part]])
    write(target / "held-out-alignment.jsonl", held_out["second"])
    write(target / "held-out-perturbation.jsonl", held_out["third"])
    write_tokenizer(target / "tokenizer")


def words(part: str) -> list[str]:
    """Return what a part's responses begin with: all of four letters, and in no other part."""
    first = "bdf"[PARTS.index(part)]
    return [f"{first}{vowel}lo" for vowel in "aei"]


def rows(part: str, number: int, purpose: str) -> list[Row]:
    """Return so many responses, each by its share."""
    times, rest = divmod(number, sum(MASSES))
    if rest:
        raise ValueError(f"{number} rows of {part}: expected a multiple of {sum(MASSES)}")
    texts = [word for word, mass in zip(words(part), MASSES, strict=True) for _ in range(mass * times)]
    return [{"id": named(f"{purpose}/{part}/{at}"), "text": text + REST} for at, text in enumerate(texts)]


def named(place: str) -> str:
    """Return an id by which rows of all parts are mixed: data are read in the order of their ids."""
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def write(file: Path, found: list[Row]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in found))


def write_tokenizer(target: Path) -> None:
    """Write a tokenizer of words."""
    target.mkdir(parents=True, exist_ok=True)
    vocabulary = [
        SEPARATOR,
        "[UNK]",
        *(word for part in PARTS for word in words(part)),
        *dict.fromkeys(REST.split()),
    ]
    ids = {word: place for place, word in enumerate(vocabulary)}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    tokenizer = {
        "version": "1.0",
        "added_tokens": [{"id": 0, "content": SEPARATOR, **special}],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": ids, "unk_token": "[UNK]"},
    }
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": SEPARATOR,
        "unk_token": "[UNK]",
        "model_max_length": 32,
    }
    for name, content in (("tokenizer", tokenizer), ("tokenizer_config", about)):
        (target / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
