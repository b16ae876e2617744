"""Refusals as a classifier of one's own sees them: a real model, as small as they get, trained on planted words."""

import json
import random
import subprocess
import sys

import pytest

from assay.api.clean import Step
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import record_key
from assay.errors import StageError
from assay_pipelines.clean import blocks
from assay_pipelines.clean.__main__ import main
from assay_pipelines.clean.steps import prepared
from bench import WORDS, Outcome
from plain_steps import judged

PLANTED = ["nope", "refuse", "never"]
DECLINED, ANSWERED = "the cat refuse then never it", "the cat sat on a mat"
BY_RULE = "I'm sorry, but I can't help with that."  # a refusal to the patterns, unknown words to the model


@pytest.fixture(scope="session")
def classifier(tmp_path_factory):
    """Return the folder of a BERT of some thousand weights that knows texts with a planted word from others."""
    import torch  # noqa: PLC0415 -- seconds, which other tests need not spend
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast  # noqa: PLC0415

    known = {word: place for place, word in enumerate(["[PAD]", "[UNK]", *WORDS, *PLANTED])}
    base = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    base.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=base, pad_token="[PAD]", unk_token="[UNK]")
    torch.manual_seed(0)
    shape = BertConfig(
        vocab_size=len(known), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=48, id2label={0: "answers", 1: "refuses"}, label2id={"answers": 0, "refuses": 1},
        hidden_dropout_prob=0, attention_probs_dropout_prob=0,
    )  # fmt: skip
    model = BertForSequenceClassification(shape)
    draw, optimizer = random.Random(0), torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(80):
        texts = [draw.choices([*WORDS, "[UNK]"], k=draw.randint(3, 12)) for _ in range(32)]
        labels = [draw.random() < 0.5 for _ in texts]
        for text, label in zip(texts, labels, strict=True):
            if label:
                text[draw.randrange(len(text))] = draw.choice(PLANTED)
        batch = tokenizer([" ".join(text) for text in texts], padding=True, return_tensors="pt")
        model(**batch, labels=torch.tensor(labels).long()).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = tmp_path_factory.mktemp("classifier")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def step(**options):
    chosen = {"uri": "classifier", "label": "refuses"}
    more = {name: value for name, value in options.items() if name in ("scope", "replaceWith")}
    chosen |= {name: value for name, value in options.items() if name not in more}
    return {"refusals": {"classifier": chosen} | more}


def talk(*turns):
    return list(zip(("user", "assistant") * len(turns), turns, strict=False))


def files(folder):
    return sorted(folder.iterdir())


def test_the_classifier_decides_and_the_patterns_do_not(classifier):
    chats = [
        talk("a", ANSWERED),
        talk("a", ANSWERED, "a", DECLINED),
        talk("a", BY_RULE),
        talk(DECLINED, ANSWERED),
    ]
    left, (line,) = judged(step(), chats, files(classifier))
    assert left == [chats[0], None, *chats[2:]]
    assert (line.rule, line.detail) == ("refusal", "refuses in turn 3")
    assert 0.9 < line.score <= 1


def test_it_counts_from_its_threshold_on(classifier):
    chats = [talk("a", DECLINED)]
    _, (line,) = judged(step(), chats, files(classifier))
    assert judged(step(threshold=line.score), chats, files(classifier))[0] == [None]
    assert judged(step(threshold=line.score + 1e-6), chats, files(classifier))[0] == chats


def test_scope_says_what_goes_as_with_patterns(classifier):
    chat = talk("a", ANSWERED, "the", DECLINED)
    assert judged(step(scope="message"), [chat], files(classifier))[0] == [chat[:3]]
    assert judged(step(scope="turnPair"), [chat], files(classifier))[0] == [chat[:2]]


def test_an_answer_that_refuses_by_the_classifier_stands_in_for_none(classifier, tmp_path):
    answers = tmp_path / "answers.jsonl"
    pairs = [("one", DECLINED), ("one", BY_RULE), ("two", DECLINED)]
    answers.write_text("".join(json.dumps({"prompt": a, "completion": b}) + "\n" for a, b in pairs))
    made = Step.model_validate(step(replaceWith={"uri": "answers"}))
    _, needs = prepared(made, lambda uri: [answers] if uri == "answers" else files(classifier))
    assert list(needs.answers.values()) == [BY_RULE]


def test_a_text_is_judged_by_itself_whatever_stands_beside_it_and_however_long_it_is(classifier):
    draw = random.Random(1)
    texts = [" ".join(draw.choices([*WORDS, *PLANTED], k=draw.choice([1, 5, 30, 500]))) for _ in range(40)]
    chats = [talk("a", text) for text in ["", *texts]]
    _, together = judged(step(threshold=0), chats, files(classifier))
    alone = [judged(step(threshold=0), [chat], files(classifier))[1][0].score for chat in chats]
    assert [line.score for line in together] == alone


@pytest.mark.parametrize(
    ("harm", "label", "refused"),
    [
        ("nothing", "nobody", ("Unsupported", "found the labels answers, refuses, expected nobody among")),
        ("no config", "refuses", ("ModelMissing", "found no config.json")),
        ("damage", "refuses", ("ModelDamaged", "found ")),
        ("no head", "refuses", ("ModelDamaged", "found no fitting weights for classifier.bias")),
    ],
)
def test_a_folder_that_cannot_decide_is_refused(classifier, tmp_path, harm, label, refused):
    for path in files(classifier):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    if harm == "no config":
        (tmp_path / "config.json").unlink()
    elif harm == "damage":
        (tmp_path / "model.safetensors").write_bytes(b"x")
    elif harm == "no head":
        _behead(tmp_path)
    with pytest.raises(StageError, match=refused[1]) as caught:
        judged({"refusals": {"classifier": {"uri": tmp_path.name, "label": label}}}, [], files(tmp_path))
    assert caught.value.reason == refused[0]


def _behead(folder):
    from safetensors.torch import load_file, save_file  # noqa: PLC0415 -- imports torch

    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def spec(bench, classifier):
    draw = random.Random(2)
    texts = [" ".join(draw.choices([*WORDS, *PLANTED[:1]], k=12)) for _ in range(300)]
    rows = [json.dumps({"prompt": f"the {number}", "completion": text}) for number, text in enumerate(texts)]
    source = {"name": "x", "uri": bench.lines("rows.jsonl", *rows), "format": "prompt-completion"}
    asked = (
        {"classifier": {"uri": bench.outside(*files(classifier)), "label": "refuses"}} if classifier else {}
    )
    return {"sources": [source], "steps": [{"refusals": asked}]}


def test_a_stage_asks_it_in_rays_workers_as_it_asks_it_here(bench, on_ray, monkeypatch, classifier):
    wanted = spec(bench, classifier)
    there = bench.run(main, Kind.CLEAN, wanted, cpus=2).record.outputs
    assert 50 < there.summary["steps"][0]["dropped"] < 250
    bench.store.delete(record_key(bench.stage(Kind.CLEAN, wanted).ref))
    monkeypatch.setattr(blocks, "SMALL_BYTES", 1 << 30)
    assert bench.run(main, Kind.CLEAN, wanted, attempt=2).record.outputs == there


WITHOUT = "import sys; sys.modules['torch'] = None; from assay_pipelines.clean.__main__ import main; sys.exit(main())"


@pytest.mark.parametrize("asked", [True, False])
def test_torch_is_needed_only_where_a_classifier_is_asked(bench, classifier, asked):
    wanted = spec(bench, classifier if asked else None)
    ref, argv = bench.claimed(Kind.CLEAN, wanted)
    code = subprocess.run([sys.executable, "-c", WITHOUT, *argv], check=False, timeout=120).returncode
    assert code == (64 if asked else 0)
    if asked:
        reason, message = Outcome(store=bench.store, ref=ref, code=code).refused
        assert reason == "ProgramNotAvailable"
        assert "found no torch, expected torch and transformers where it is asked. Install both" in message


@pytest.mark.parametrize("level", ["narrow", "broad"])
def test_a_level_beside_a_classifier_is_a_fault(level):
    with pytest.raises(
        ValueError, match=f"found level {level} beside classifier, expected it only without one"
    ):
        Step.model_validate({"refusals": {"level": level, "classifier": {"uri": "x", "label": "y"}}})
