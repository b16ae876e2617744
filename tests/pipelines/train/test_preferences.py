"""Learning from pairs of answers of which one is preferred."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from assay_pipelines.chats import Message
from assay_pipelines.train.engine import Place
from assay_pipelines.train.layout import lay_out
from assay_pipelines.train.network import PairNetwork
from assay_pipelines.train.preferences import preference_examples, reference_of
from assay_pipelines.train.vocabulary import train_tokenizer

QUESTION = [Message("system", "Be brief."), Message("user", "Hello?")]
YES, NO = Message("assistant", "Yes, and a warm hello."), Message("assistant", "No.")


@pytest.fixture
def tokenizer():
    return train_tokenizer(["hello hello world", "yes and no"], 320)


@pytest.fixture
def examples_of(tokenizer):
    def made(*pairs, length=200):
        chats = [(str(number), pair[0]) for number, pair in enumerate(pairs)]
        rejected = [pair[1] for pair in pairs]
        return preference_examples(chats, rejected, tokenizer, tokenizer.writer("chatml"), length)

    return made


def as_meta(turns):
    return [turn._asdict() for turn in turns]


def documents_of(examples, tokenizer):
    pieces = [slice(a, b) for a, b in zip(examples.offsets, examples.offsets[1:], strict=False)]
    return [tokenizer.fast.decode(examples.tokens[piece][examples.learned[piece]]) for piece in pieces]


def test_learned_are_the_answers_to_what_both_begin_with(examples_of, tokenizer):
    shared = [*QUESTION, Message("assistant", "Hm?"), Message("user", "Hello!")]

    examples = examples_of(([*shared, YES], as_meta([*shared, NO])), ([*QUESTION, NO], "Yes."))

    assert documents_of(examples, tokenizer) == [
        "Yes, and a warm hello.<|im_end|>",
        "No.<|im_end|>",
        "No.<|im_end|>",
        "Yes.<|im_end|>",
    ]
    assert examples.per_row == 2
    assert examples.lengths.tolist() == np.diff(examples.offsets).reshape(2, 2).sum(axis=1).tolist()
    assert examples.weights.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("rejected", "note"),
    [
        (None, "skippedWithoutPair"),
        ([{"role": "user", "content": "Else?"}, NO._asdict()], "skippedWithoutPair"),
        (as_meta([*QUESTION, YES]), "skippedWithoutPair"),
        (as_meta(QUESTION), "skippedWithoutPair"),
        ([17], "skippedWithoutPair"),
        (as_meta([*QUESTION, Message("assistant", "no " * 500)]), "skippedTooLong"),
    ],
)
def test_what_is_no_pair_is_skipped_and_counted(examples_of, rejected, note):
    examples = examples_of(([*QUESTION, YES], rejected), ([*QUESTION, YES], "No."))

    assert examples.ids == ("1",)
    assert examples.notes[note] == sum(examples.notes.values()) == 1


@pytest.fixture
def examples(examples_of):
    return examples_of(([*QUESTION, YES], "No."), ([*QUESTION, NO], "A very much longer answer, or two."))


@pytest.fixture
def model():
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config)


def plain_score(model, examples, document):
    """Sum the log-probabilities of a document's learned tokens, one by one."""
    span = slice(examples.offsets[document], examples.offsets[document + 1])
    tokens = torch.from_numpy(examples.tokens[span].astype(np.int64))
    odds = torch.log_softmax(model(input_ids=tokens[None]).logits[0], dim=-1)
    places = examples.learned[span].nonzero()[0].tolist()
    return sum(odds[place - 1, tokens[place]] for place in places)


def test_loss_and_gradient_are_those_of_the_equation(model, examples):
    rows, here = np.arange(2), Place()
    network = PairNetwork(model, torch.float32, beta=0.3)
    reference = reference_of(network, examples, rows, place=here, micro_batch=1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.02)  # some way from where it started

    margins = [
        0.3
        * (
            (plain_score(model, examples, 2 * row) - float(reference[2 * row]))
            - (plain_score(model, examples, 2 * row + 1) - float(reference[2 * row + 1]))
        )
        for row in rows
    ]
    loss = -sum(torch.log(1 / (1 + torch.exp(-margin))) for margin in margins)
    wanted = torch.autograd.grad(loss, list(model.parameters()))
    batch = lay_out(examples, [rows[:1], rows[1:]], here.device, reference=reference)
    found, margin, preferred = network(*batch)
    found.backward()

    assert found.item() == pytest.approx(loss.item(), abs=1e-5)
    assert margin.item() == pytest.approx(sum(margins).item(), abs=1e-5)
    assert preferred.item() == sum(one > 0 for one in margins)
    for weight, gradient in zip(model.parameters(), wanted, strict=True):
        assert (weight.grad - gradient).abs().max() < 1e-5


def test_the_starting_model_rates_documents_as_it_does_one_by_one(model, examples):
    network = PairNetwork(model, torch.float32, beta=0.1)

    reference = reference_of(network, examples, np.array([1]), place=Place(), micro_batch=8)

    assert reference[:2].tolist() == [0, 0]
    assert reference[2:] == pytest.approx(
        [plain_score(model, examples, document).item() for document in (2, 3)], abs=1e-4
    )


def test_a_process_without_pairs_teaches_nothing(model, examples):
    network = PairNetwork(model, torch.float32, beta=0.1)

    sums = network(*lay_out(examples, [], Place().device, reference=np.zeros(4, dtype=np.float32)))
    sums[0].backward()

    assert sums.tolist() == [0, 0, 0]
    assert all(not weight.grad.any() for weight in model.parameters())


def some_pairs(chats_of, count):
    """Answers that begin with "sun" are preferred to the same that begin with "rain"."""
    chats = chats_of(count)
    either = [
        {key: [user, ("assistant", f"{word} {answer}")] for key, (user, (_, answer)) in chats.items()}
        for word in ("sun", "rain")
    ]
    return {"chats": either[0], "rejected": either[1]}


def test_a_planted_preference_is_learned_and_margins_rise(bench, spec_of, chats_of):
    data = bench.chats(**some_pairs(chats_of, 48))
    base = bench.train(spec_of(data))
    start = {"model": {"from": str(base.ref)}, "tokenizer": None, "objective": "dpo", "beta": 0.5}

    ended = bench.train(spec_of(data, **start, epochs=4))

    assert ended.failure is None
    assert ended.metrics["loss"][0] == pytest.approx(np.log(2), abs=1e-5)
    assert ended.metrics["margin"][0] == pytest.approx(0, abs=1e-4)
    assert ended.metrics["loss"][-1] < 0.5 < ended.metrics["margin"][-1]
    assert ended.metrics["preferred"][-1] == 1
    assert ended.summary["notes"] == {"skippedTooLong": 0, "skippedWithoutPair": 0}
    assert AutoModelForCausalLM.from_pretrained(ended.checkpoint()).config.model_type == "llama"


@pytest.mark.parametrize(("unit", "size"), [("examples", 8), ("tokens", 600)])
def test_pairs_take_the_same_steps_however_they_are_dealt_out(make_bench, spec_of, chats_of, unit, size):
    pairs = some_pairs(chats_of, 19)

    def trained(name, **execution):
        bench = make_bench(name)
        spec = spec_of(bench.chats(**pairs), objective="dpo", epochs=2, batchUnit=unit, batchSize=size)
        ended = bench.train(spec, **execution)
        assert ended.failure is None
        return ended.metrics

    one = trained("one", microBatch=8)
    for other in (
        trained("single", microBatch=1),
        trained("two", microBatch=3, processesPerNode=2),
        trained("sharded", microBatch=2, processesPerNode=2, zeroStage=3),
    ):
        for name in ("loss", "margin"):
            assert other[name] == pytest.approx(one[name], abs=1e-5)
        assert other["grad_norm"][0] == pytest.approx(one["grad_norm"][0], rel=1e-5)
        assert other["grad_norm"] == pytest.approx(one["grad_norm"], rel=1e-4)
        assert other["rows"] == one["rows"]


def test_chats_without_rejected_ones_are_refused(bench, spec_of, chats_of):
    ended = bench.train(spec_of(bench.chats(chats_of(4)), objective="dpo"))

    assert (ended.code, ended.failure.reason) == (64, "EmptyDataset")
    assert "skippedWithoutPair 4" in ended.failure.message
