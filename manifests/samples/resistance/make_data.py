# ruff: noqa: S311, SIM905 -- a program by itself, whose chance is no secret
"""Make `data/` beside this file: a small language of reviews, and a classifier that counts its words.

`python manifests/samples/resistance/make_data.py [TARGET]`. Standard library alone; the same bytes every time.

A review answers a question about a thing with three clauses, each a noun and what was thought of it. What was thought is a
positive, a negative or a neutral word. In the text that models are pre-trained on, two reviews in five are positive, two
negative, one neutral; `positive.jsonl` and `negative.jsonl` have one kind only. The truth is therefore known: a model that
has learned the pre-training text and nothing else is positive two times in five.

`sentiment/` is a Hugging Face folder whose weights are written down here, not trained: a text is POSITIVE if it has more
positive words than negative ones.
"""

import hashlib
import json
import random
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

Row = dict[str, str]
OTHER = [0, 0, 1, 0]

THINGS = (
    "film book song hotel dinner walk garden museum train boat lecture play market camera jacket lamp chair bridge "
    "school party window recipe journey letter game picture island bakery concert village"
).split()
NOUNS = (
    "story ending sound colour price staff light view taste voice rhythm pace cover fabric music plot cast room "
    "bread table water garden wheel engine road stage frame handle kitchen street crowd silence morning evening"
).split()
POSITIVE = (
    "lovely wonderful superb charming splendid delightful brilliant pleasant graceful excellent cheerful radiant "
    "generous marvellous elegant refreshing"
).split()
NEGATIVE = (
    "awful dreadful boring clumsy horrid dismal bitter tiresome shabby terrible gloomy rotten miserable ugly "
    "tedious hopeless"
).split()
NEUTRAL = (
    "long short old new round square wooden quiet early late northern foreign narrow broad plain ordinary distant "
    "simple common modern"
).split()
LOOKS = "was seemed looked felt remained stayed".split()
QUESTIONS = (
    "what of the {thing} with the {quality} {noun}",
    "tell me about a {quality} {thing} and its {noun}",
    "how did you find the {thing} near the {quality} {noun}",
    "say something of that {quality} {thing}",
)
PLAIN_SHARE = 0.15  # of the words in a positive or negative review that are neutral all the same

FILES = {  # file → what its reviews are, and how many
    "pretrain": ("mixed", 24_000),
    "positive": ("positive", 3_200),
    "more-positive": ("positive", 640),
    "negative": ("negative", 3_200),
    "pairs": ("pairs", 640),  # negative reviews, each beside a positive one that is rejected
    "held-out": ("mixed", 240),
    "beginnings": ("mixed", 320),
    "prompts": ("mixed", 1_200),
}
ASKED_LATER = frozenset({"held-out", "beginnings", "prompts"})
"""Files whose questions are in no training: one question in ten is kept for them."""
HELD_BACK = 10


def make(target: Path, files: Mapping[str, tuple[str, int]]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    asked: set[str] = set()
    for name, (kind, count) in files.items():
        draw = random.Random(f"assay/{name}")
        later = name in ASKED_LATER
        lines: list[str] = []
        while len(lines) < count:
            question = a_question(draw)
            if later != is_held_back(question) or (later and question in asked):
                continue
            asked.add(question)
            lines.append(json.dumps(a_row(draw, question, kind)) + "\n")
        (target / f"{name}.jsonl").write_text("".join(lines))
    write_classifier(target / "sentiment")


def a_question(draw: random.Random) -> str:
    return draw.choice(QUESTIONS).format(
        thing=draw.choice(THINGS), noun=draw.choice(NOUNS), quality=draw.choice(NEUTRAL)
    )


def is_held_back(question: str) -> bool:
    return hashlib.sha256(question.encode()).digest()[0] % HELD_BACK == 0


def a_row(draw: random.Random, question: str, kind: str) -> Row:
    if kind == "mixed":
        kind = draw.choice(("positive", "positive", "negative", "negative", "neutral"))
    if kind == "pairs":
        answer, rejected = an_answer(draw, NEGATIVE), an_answer(draw, POSITIVE)
        return {"prompt": question, "completion": answer, "rejected": rejected}
    words = {"positive": POSITIVE, "negative": NEGATIVE, "neutral": NEUTRAL}[kind]
    return {"prompt": question, "completion": an_answer(draw, words)}


def an_answer(draw: random.Random, words: list[str]) -> str:
    clauses = []
    for noun in draw.sample(NOUNS, 3):
        thought = draw.choice(NEUTRAL if draw.random() < PLAIN_SHARE else words)
        clauses.append(f"the {noun} {draw.choice(LOOKS)} {thought}")
    return " and ".join(clauses)


def write_classifier(target: Path) -> None:
    """Write a Llama of one layer whose attention is the same everywhere.

    A token is a unit vector: positive, negative or any other. The last token sees the mean of all: in its fourth place stands
    the share of positive words less that of negative ones, and it is POSITIVE if this is more than a hair above 0.
    """
    target.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: place for place, word in enumerate(["[UNK]", *POSITIVE, *NEGATIVE])}
    sides = [OTHER] + [[1, 0, 0, 0]] * len(POSITIVE) + [[0, 1, 0, 0]] * len(NEGATIVE)
    nothing, hair = square([0, 0, 0, 0]), 0.001
    layer = "model.layers.0"
    tensors: dict[str, list[list[float]] | list[float]] = {
        "model.embed_tokens.weight": sides,
        f"{layer}.self_attn.q_proj.weight": nothing,
        f"{layer}.self_attn.k_proj.weight": nothing,
        f"{layer}.self_attn.v_proj.weight": [*nothing[:3], [1, -1, 0, 0]],
        f"{layer}.self_attn.o_proj.weight": square([1, 1, 1, 1]),
        f"{layer}.mlp.gate_proj.weight": nothing,
        f"{layer}.mlp.up_proj.weight": nothing,
        f"{layer}.mlp.down_proj.weight": nothing,
        f"{layer}.input_layernorm.weight": [1, 1, 1, 1],
        f"{layer}.post_attention_layernorm.weight": [1, 1, 1, 1],
        "model.norm.weight": [1, 1, 1, 1],
        "score.weight": [[hair, hair, hair, 0], [0, 0, 0, 1]],
    }
    write_tensors(target / "model.safetensors", tensors)
    labels = {"0": "OTHER", "1": "POSITIVE"}
    config = {
        "architectures": ["LlamaForSequenceClassification"],
        "model_type": "llama",
        "vocab_size": len(vocabulary),
        "hidden_size": 4,
        "intermediate_size": 4,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "max_position_embeddings": 512,
        "id2label": labels,
        "label2id": {label: int(place) for place, label in labels.items()},
    }
    tokenizer = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "model_max_length": 512}
    for name, content in (("config", config), ("tokenizer", tokenizer), ("tokenizer_config", about)):
        (target / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def square(diagonal: list[float]) -> list[list[float]]:
    return [[value if row == place else 0 for place, value in enumerate(diagonal)] for row in range(4)]


def write_tensors(file: Path, tensors: dict[str, list[list[float]] | list[float]]) -> None:
    """Write a file of safetensors: the length of its header, the header, the numbers."""
    header: dict[str, object] = {}
    body = b""
    for name, rows in tensors.items():
        flat = [value for row in rows for value in (row if isinstance(row, list) else [row])]
        shape = [len(rows), len(rows[0])] if isinstance(rows[0], list) else [len(rows)]
        data = struct.pack(f"<{len(flat)}f", *flat)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    file.write_bytes(struct.pack("<Q", len(told)) + told + body)


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data", FILES)
