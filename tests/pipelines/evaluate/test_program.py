import json
import math
import shutil

import pyarrow.parquet as pq
import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

from assay.artifacts.kinds import Kind
from assay_pipelines.chats import chats_table, write_rows
from assay_pipelines.evaluate.__main__ import main
from assay_pipelines.evaluate.likelihood import Text, document_bits
from assay_pipelines.evaluate.ngrams import coded_bits
from assay_pipelines.inference import load_model

QUESTIONS = [
    {
        "id": "sun",
        "question": "Which planet is nearest to the sun?",
        "choices": ["Mercury", "Venus"],
        "answer": 0,
    },
    {"id": "red", "question": "Which is red?", "choices": ["Earth", "Venus", "Mars", "Moon"], "answer": 2},
]
DOCUMENTS = ["How do I bake bread? Mix flour and water.", "Rain — and stones.", "stones and rivers " * 60]


@pytest.fixture(scope="module")
def model(make_model):
    return make_model()


@pytest.fixture
def trained(bench, model, tmp_path):
    """A train stage whose last model, and one half way, are kept."""
    for label in ("final", "epoch-0.5"):
        shutil.copytree(model, tmp_path / "trained" / "checkpoints" / label)
    return bench.done(
        Kind.TRAIN,
        {"seed": 1},
        tmp_path / "trained",
        checkpoints=[{"label": "epoch-0.5"}, {"label": "final"}],
    )


@pytest.fixture
def texts(bench, tmp_path):
    (tmp_path / "texts").mkdir()
    chats = [([("text", text)], {}) for text in DOCUMENTS]
    write_rows(tmp_path / "texts" / "chats.parquet", [chats_table("held-out", chats)])
    return bench.done(Kind.CLEAN, {"of": "texts"}, tmp_path / "texts")


@pytest.fixture
def answers(bench, tmp_path):
    def answered(*replies):
        (tmp_path / "answers").mkdir()
        chats = [
            (
                [("user", f"question {at}"), ("assistant", reply)],
                {"prompt": f"prompt-{at}", "checkpoint": "final"},
            )
            for at, reply in enumerate(replies)
        ]
        write_rows(tmp_path / "answers" / "chats.parquet", [chats_table("generated", chats)])
        return bench.done(Kind.GENERATE, {"of": "answers"}, tmp_path / "answers")

    return answered


def asking(model, *tasks, checkpoints="one"):
    return {
        "model": {"from": model},
        "checkpoints": checkpoints,
        "tasks": list(tasks),
        "precision": "fp32",
        "seed": 0,
    }


def quiz(bench, *questions, **more):
    lines = [json.dumps(question) for question in questions or QUESTIONS]
    return {"name": "quiz", "multipleChoice": {"data": bench.lines("quiz.jsonl", *lines)} | more}


def rows_of(done):
    return pq.read_table(done.path("outcomes.parquet")).to_pylist()


def test_every_item_of_every_task_has_its_outcome(bench, trained, texts, answers):
    tasks = (
        quiz(bench),
        {"name": "held-out", "bitsPerByte": {"data": {"from": texts}}},
        {
            "name": "refusing",
            "refusalRate": {
                "answers": answers("I'm sorry, I cannot help with that.", "Mix flour."),
                "level": "medium",
            },
        },
    )
    done = bench.run(main, Kind.EVALUATE, asking(trained, *tasks), threads=1, batch=4)

    rows = rows_of(done)
    assert [(row["task"], row["doc_id"]) for row in rows[3:]] == [
        ("quiz", "red"),
        ("quiz", "sun"),
        ("refusing", "prompt-0"),
        ("refusing", "prompt-1"),
    ]
    assert {row["task"] for row in rows[:3]} == {"held-out"}
    assert sorted(row["weight"] for row in rows[:3]) == sorted(len(text.encode()) for text in DOCUMENTS)
    assert [row["outcome"] for row in rows[5:]] == [1.0, 0.0]
    tasks = done.summary["tasks"]
    assert tasks["quiz"]["final"]["n"] == 2
    assert tasks["quiz"]["final"]["chance"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert tasks["quiz"]["final"]["higherIsBetter"] is True
    assert tasks["held-out"]["final"]["higherIsBetter"] is False
    assert tasks["refusing"]["final"] == {
        "score": 0.5,
        "n": 2,
        "chance": None,
        "higherIsBetter": None,
        "unit": "share of answers that refuse",
    }


@pytest.fixture
def sentiment(bench, model, tmp_path):
    """A classifier of two labels over the same tokens, and what it thinks of a text."""
    config = LlamaConfig.from_pretrained(
        model, num_labels=2, id2label={0: "BAD", 1: "GOOD"}, initializer_range=1.0
    )
    torch.manual_seed(0)
    network = LlamaForSequenceClassification(config).eval()
    folder = tmp_path / "sentiment"
    network.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(model)
    tokenizer.save_pretrained(folder)

    def label(text):
        return ("BAD", "GOOD")[int(network(**tokenizer(text, return_tensors="pt")).logits[0].argmax())]

    return bench.outside(*sorted(folder.iterdir())), label


def test_answers_are_counted_as_a_classifier_labels_them(bench, trained, answers, sentiment):
    uri, label = sentiment
    replies = [
        f"Mix flour {word}" for word in ("and water", "then wait", "Mars", "poem", "stones", "rivers", "A")
    ]
    task = {"name": "tone", "labelRate": {"answers": answers(*replies), "uri": uri, "label": "GOOD"}}
    done = bench.run(main, Kind.EVALUATE, asking(trained, task))

    expected = [label(reply) for reply in replies]
    assert [row["prediction"] for row in rows_of(done)] == expected
    assert [row["outcome"] for row in rows_of(done)] == [float(one == "GOOD") for one in expected]
    assert done.summary["tasks"]["tone"]["final"]["unit"] == "share of answers labelled GOOD"


def test_a_label_that_the_classifier_does_not_have_is_refused(bench, trained, answers, sentiment):
    task = {"name": "tone", "labelRate": {"answers": answers("Mix."), "uri": sentiment[0], "label": "FINE"}}
    reason, message = bench.run(main, Kind.EVALUATE, asking(trained, task)).refused

    assert reason == "Unsupported"
    assert "found the labels BAD, GOOD, expected FINE among them" in message


def test_a_model_is_measured_against_its_reference(bench, trained, texts):
    drift = {
        "data": {"from": texts},
        "reference": {"from": trained, "checkpoint": {"epoch": 0.5}},
        "under": "reference",
    }
    done = bench.run(main, Kind.EVALUATE, asking(trained, {"name": "drift", "divergence": drift}))

    figures = done.summary["tasks"]["drift"]["final"]
    assert (figures["score"], figures["interval"], figures["unit"]) == (0, [0, 0], "nats per token")


def test_a_choice_is_right_when_its_letter_is_likeliest(bench, trained, model):
    done = bench.run(main, Kind.EVALUATE, asking(trained, quiz(bench)))

    loaded = load_model("final", model, precision="fp32", threads=1)
    prompt = (
        "The following are multiple choice questions (with answers).\n\n"
        "Which is red?\nA. Earth\nB. Venus\nC. Mars\nD. Moon\nAnswer:"
    )
    ids = loaded.tokenizer(prompt, return_tensors="pt").input_ids
    letters = [loaded.tokenizer.encode(f" {letter}", add_special_tokens=False) for letter in "ABCD"]
    assert all(len(letter) == 2 for letter in letters) or all(len(letter) == 1 for letter in letters)
    likelihoods = []
    for letter in letters:
        whole = torch.cat([ids, torch.tensor([letter])], dim=1)
        logs = loaded.model(whole).logits.log_softmax(dim=-1)[0]
        likelihoods.append(sum(float(logs[ids.shape[1] - 1 + at, token]) for at, token in enumerate(letter)))
    likeliest = "ABCD"[likelihoods.index(max(likelihoods))]
    (red,) = [row for row in rows_of(done) if row["doc_id"] == "red"]
    assert (red["prediction"], red["outcome"]) == (likeliest, float(likeliest == "C"))


def test_examples_stand_before_every_question_and_change_its_prompt(bench, trained):
    shots = bench.lines("shots.jsonl", json.dumps(QUESTIONS[1] | {"id": "shot"}))
    without = bench.run(main, Kind.EVALUATE, asking(trained, quiz(bench)))
    with_shots = bench.run(main, Kind.EVALUATE, asking(trained, quiz(bench, fewShot=shots)))

    one, other = rows_of(without), rows_of(with_shots)
    assert [row["doc_hash"] for row in one] == [row["doc_hash"] for row in other]
    assert [row["prompt_hash"] for row in one] != [row["prompt_hash"] for row in other]


def test_bits_per_byte_is_what_the_model_predicts_over_what_the_text_holds(bench, trained, texts, model):
    task = {"name": "held-out", "bitsPerByte": {"data": {"from": texts}}}
    done = bench.run(main, Kind.EVALUATE, asking(trained, task), batch=2)

    loaded = load_model("final", model, precision="fp32", threads=1)
    bits = []
    for text in DOCUMENTS[:2]:
        ids = loaded.tokenizer.encode(text)
        logs = loaded.model(torch.tensor([[loaded.start, *ids[:-1]]])).logits.log_softmax(dim=-1)[0]
        bits.append(-sum(float(logs[at, token]) for at, token in enumerate(ids)) / math.log(2))
    rows = rows_of(done)
    found = {row["weight"]: row["outcome"] for row in rows}
    assert [found[len(text.encode())] for text in DOCUMENTS[:2]] == pytest.approx(bits, rel=1e-5)
    assert done.summary["tasks"]["held-out"]["final"]["score"] == pytest.approx(
        sum(row["outcome"] for row in rows) / sum(row["weight"] for row in rows)
    )


def test_a_text_longer_than_the_context_costs_what_the_harness_says(model, working):
    loaded = load_model("final", model, precision="fp32", threads=1)
    assert len(loaded.tokenizer.encode(DOCUMENTS[2])) > loaded.context
    engine = HFLM(pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=2)
    requests = [
        Instance(request_type="loglikelihood_rolling", doc={}, arguments=(text,), idx=0) for text in DOCUMENTS
    ]
    expected = [-nats / math.log(2) for nats in engine.loglikelihood_rolling(requests, disable_tqdm=True)]

    found = [
        one.bits
        for one in document_bits([Text(id=one, text=one) for one in DOCUMENTS], loaded, working(batch=3))
    ]
    assert found == pytest.approx(expected, rel=1e-5)


def test_all_checkpoints_are_measured_in_one_stage(bench, trained, texts):
    task = {"name": "held-out", "bitsPerByte": {"data": {"from": texts}}}
    done = bench.run(main, Kind.EVALUATE, asking(trained, task, checkpoints="all"))

    assert sorted(done.summary["tasks"]["held-out"]) == ["epoch-0.5", "final"]
    assert len(rows_of(done)) == 2 * len(DOCUMENTS)


def test_the_same_evaluation_gives_the_same_bytes(bench, trained, texts):
    spec = asking(trained, quiz(bench), {"name": "held-out", "bitsPerByte": {"data": {"from": texts}}})
    first = bench.run(main, Kind.EVALUATE, spec)
    outputs = first.record.outputs
    bench.store.delete(f"stages/{first.ref}/record.json")

    assert bench.run(main, Kind.EVALUATE, spec, attempt=2).record.outputs == outputs


def test_an_ngram_models_bits_stand_beside_those_of_every_checkpoint(bench, trained, texts, answers):
    learnt = answers("Mix flour.", "Stones.")
    plain = {"data": {"from": learnt}, "order": 3}
    task = {"name": "held-out", "bitsPerByte": {"data": {"from": texts}, "ngrams": plain}}
    done = bench.run(main, Kind.EVALUATE, asking(trained, task, checkpoints="all"))

    read = [
        f"<|im_start|>user\nquestion {at}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>\n".encode()
        for at, answer in enumerate(("Mix flour.", "Stones."))
    ]
    said = [text.encode() for text in DOCUMENTS]
    expected = coded_bits(said, read, order=3) / sum(len(text) for text in said)
    checkpoints = done.summary["tasks"]["held-out"]
    assert {label: figures["ngramBitsPerByte"] for label, figures in checkpoints.items()} == {
        "epoch-0.5": pytest.approx(expected),
        "final": pytest.approx(expected),
    }


def test_chats_are_measured_as_the_model_reads_them(bench, trained, answers):
    task = {"name": "held-out", "bitsPerByte": {"data": {"from": answers("Mix flour.")}}}
    (row,) = rows_of(bench.run(main, Kind.EVALUATE, asking(trained, task)))

    rendered = "<|im_start|>user\nquestion 0<|im_end|>\n<|im_start|>assistant\nMix flour.<|im_end|>\n"
    assert row["weight"] == len(rendered)


def test_a_question_too_long_for_the_model_is_refused_and_not_cut(bench, trained):
    long = QUESTIONS[0] | {"question": "Which of the stones and rivers? " * 60}
    reason, message = bench.run(main, Kind.EVALUATE, asking(trained, quiz(bench, long))).refused

    assert reason == "ContextTooSmall"
    assert "found a context of 256 tokens, expected" in message


def test_a_malformed_benchmark_is_refused_before_any_model_is_loaded(bench):
    task = quiz(bench, {"question": "Which?", "choices": ["a", "b"]})
    reason, message = bench.run(main, Kind.EVALUATE, asking(f"train/{'0' * 64}", task)).refused

    assert reason == "BenchmarkMalformed"
    assert "quiz.jsonl line 1: found no answer" in message


def damaged(bench, model, tmp_path, spoil):
    folder = tmp_path / "damaged" / "checkpoints" / "final"
    shutil.copytree(model, folder)
    spoil(folder)
    return bench.done(Kind.TRAIN, {"seed": 2}, tmp_path / "damaged", checkpoints=[{"label": "final"}])


def truncate(folder):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])


def without_weights(folder):
    (folder / "model.safetensors").unlink()


def without_configuration(folder):
    (folder / "config.json").write_text("{")


def without_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def with_another_shape(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))


@pytest.mark.parametrize(
    "spoil", [truncate, without_weights, without_configuration, without_tokenizer, with_another_shape]
)
def test_a_damaged_model_is_refused(bench, model, tmp_path, spoil):
    trained = damaged(bench, model, tmp_path, spoil)
    reason, message = bench.run(main, Kind.EVALUATE, asking(trained, quiz(bench))).refused

    assert reason == "ModelDamaged"
    assert "model final: found " in message


@pytest.mark.parametrize("task", ["quiz", "held-out"])
def test_a_model_that_says_no_numbers_is_refused(bench, model, texts, tmp_path, task):
    def spoil(folder):
        loaded = load_model("final", folder, precision="fp32", threads=1)
        loaded.model.model.norm.weight.fill_(math.nan)
        loaded.model.save_pretrained(folder)

    trained = damaged(bench, model, tmp_path, spoil)
    asked = quiz(bench) if task == "quiz" else {"name": task, "bitsPerByte": {"data": {"from": texts}}}
    reason, _ = bench.run(main, Kind.EVALUATE, asking(trained, asked)).refused

    assert reason == "ModelNotFinite"


def test_chats_need_a_template(bench, make_model, answers, tmp_path):
    shutil.copytree(make_model(template=None), tmp_path / "plain" / "checkpoints" / "final")
    trained = bench.done(Kind.TRAIN, {"seed": 3}, tmp_path / "plain", checkpoints=[{"label": "final"}])
    task = {"name": "held-out", "bitsPerByte": {"data": {"from": answers("Mix flour.")}}}
    reason, message = bench.run(main, Kind.EVALUATE, asking(trained, task)).refused

    assert reason == "TemplateMissing"
    assert "found no chat template" in message


HARNESS_YAML = """
task: words
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{data}"}}}}
test_split: test
output_type: {kind}
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
"""


def harness_task(bench, kind, more=""):
    data = bench.folder / "words.jsonl"
    data.write_text(
        "".join(json.dumps({"question": f"Rain {at} and", "answer": "stones"}) + "\n" for at in range(3))
    )
    path = bench.folder / "words.yaml"
    path.write_text(HARNESS_YAML.format(data=data, kind=kind) + more)
    return {"name": "mine", "harness": {"config": bench.outside(path)}}


def test_a_task_of_ones_own_for_the_harness_is_measured_item_by_item(bench, trained):
    done = bench.run(main, Kind.EVALUATE, asking(trained, harness_task(bench, "loglikelihood")))

    rows = rows_of(done)
    assert [row["doc_id"] for row in rows] == ["0", "1", "2"]
    assert {row["outcome"] for row in rows} <= {0.0, 1.0}
    assert done.summary["tasks"]["mine"]["final"]["unit"] == "accuracy"


OWN_YAML = """
task: words
output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: "{{choices}}"
doc_to_target: "{{right}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""


def task_over(bench, *items):
    data, config = bench.folder / "items.jsonl", bench.folder / "own.yaml"
    data.write_text("".join(item if isinstance(item, str) else json.dumps(item) + "\n" for item in items))
    config.write_text(OWN_YAML)
    return {"name": "mine", "harness": {"config": bench.outside(config), "data": bench.outside(data)}}


def test_a_task_of_ones_own_is_asked_over_items_that_the_spec_names(bench, trained):
    items = [
        {
            "id": f"rain/{at}",
            "question": f"Rain {at} and",
            "choices": ["stones", "rivers", "water"],
            "right": at,
        }
        for at in range(3)
    ]
    done = bench.run(main, Kind.EVALUATE, asking(trained, task_over(bench, *items)))

    rows = rows_of(done)
    assert [row["doc_id"] for row in rows] == ["rain/0", "rain/1", "rain/2"]
    assert [row["outcome"] for row in rows] == [
        float("ABC".index(row["prediction"]) == at) for at, row in enumerate(rows)
    ]
    assert done.summary["tasks"]["mine"]["final"]["chance"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("line", "found"), [("[1]\n", "line 1"), ("", "found no items")])
def test_items_that_are_none_are_refused(bench, trained, line, found):
    reason, message = bench.run(main, Kind.EVALUATE, asking(trained, task_over(bench, line))).refused

    assert reason == "BenchmarkMalformed"
    assert found in message


def test_a_task_that_generates_keeps_the_words(bench, trained):
    more = (
        "generation_kwargs: {until: ['.'], max_gen_toks: 4}\n"
        "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]\n"
    )
    done = bench.run(main, Kind.EVALUATE, asking(trained, harness_task(bench, "generate_until", more)))

    assert done.summary["tasks"]["mine"]["final"]["unit"] == "share exactly right"
    assert all(row["prediction"] for row in rows_of(done))


def test_a_task_that_runs_model_written_code_is_refused(bench, trained):
    task = harness_task(bench, "loglikelihood", "unsafe_code: true\n")
    reason, _ = bench.run(main, Kind.EVALUATE, asking(trained, task)).refused

    assert reason == "CodeExecutionNotAllowed"


def test_a_benchmark_that_needs_a_hub_is_refused_offline(bench, trained):
    path = bench.folder / "hub.yaml"
    path.write_text(
        "task: hub\ndataset_path: nobody/nothing\ntest_split: test\noutput_type: multiple_choice\n"
        "doc_to_text: q\ndoc_to_target: a\ndoc_to_choice: [x, y]\n"
    )
    task = {"name": "mine", "harness": {"config": bench.outside(path)}}
    reason, message = bench.run(main, Kind.EVALUATE, asking(trained, task)).refused

    assert reason == "BenchmarkUnavailable"
    assert "expected it without a hub" in message


def test_a_task_that_the_harness_does_not_know_is_refused(bench, trained):
    reason, message = bench.run(main, Kind.EVALUATE, asking(trained, {"name": "mmmmlu"})).refused

    assert reason == "BenchmarkUnavailable"
    assert "found no task 'mmmmlu'" in message
