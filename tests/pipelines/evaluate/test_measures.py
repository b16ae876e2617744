"""Measures of likelihood beside what they stand for, and answers as a classifier labels them."""

import math
from dataclasses import replace

import pytest
import torch

from assay.errors import StageError
from assay_pipelines.chats import Message
from assay_pipelines.dataset import Chat
from assay_pipelines.evaluate.divergence import Pair
from assay_pipelines.evaluate.divergence import measure as diverging
from assay_pipelines.evaluate.likelihood import Text, document_bits, measure
from assay_pipelines.evaluate.texts import texts_of
from assay_pipelines.inference import load_model

WHOLE = 1 << 32  # the coder's interval
TEXTS = (
    "How do I bake bread? Mix flour and water. " * 6,
    "Rain — and stones.",
    "Write a poem about rivers. " * 4,
)


@pytest.fixture(scope="module")
def llama(make_model):
    return load_model("final", make_model(), precision="fp32", threads=1)


@pytest.fixture(scope="module")
def base(make_model):
    return load_model("base", make_model(seed=1), precision="fp32", threads=1)


def coded_length(logs, tokens):
    """Return the bits of what an arithmetic coder of whole numbers writes for tokens that have such probabilities."""
    low, high, waiting, bits = 0, WHOLE - 1, 0, 0
    for row, token in zip(logs, tokens, strict=True):
        counts = (row.exp() * (1 << 24)).round().long().clamp(min=1)
        total = int(counts.sum())
        begin = int(counts[:token].sum())
        span = high - low + 1
        low, high = low + span * begin // total, low + span * (begin + int(counts[token])) // total - 1
        while True:
            if high < WHOLE // 2 or low >= WHOLE // 2:
                bits, waiting = bits + 1 + waiting, 0
            elif low >= WHOLE // 4 and high < 3 * WHOLE // 4:
                waiting += 1
                low, high = low - WHOLE // 4, high - WHOLE // 4
            else:
                break
            low, high = low % (WHOLE // 2) * 2, high % (WHOLE // 2) * 2 + 1
    return bits + waiting + 2


def test_bits_are_the_length_of_what_an_arithmetic_coder_writes(llama, working):
    text = " ".join(TEXTS * 3)[:600]
    tokens = llama.tokenizer.encode(text)
    assert len(tokens) < llama.context
    with torch.inference_mode():
        logs = llama.model(torch.tensor([[llama.start, *tokens[:-1]]])).logits[0].double().log_softmax(dim=-1)
    (found,) = document_bits([Text(id="a", text=text)], llama, working())

    assert found.tokens == len(tokens)
    assert coded_length(logs, tokens) == pytest.approx(found.bits, rel=1e-3)


def test_bits_per_token_stand_beside_bits_per_byte(llama, working):
    measured = measure("held-out", [Text(id=text, text=text) for text in TEXTS], llama, working())

    tokens = [len(llama.tokenizer.encode(text)) for text in TEXTS]
    assert [one.tokens for one in measured.outcomes] == tokens
    assert measured.beside["bitsPerToken"] == pytest.approx(
        sum(one.outcome for one in measured.outcomes) / sum(tokens)
    )


def a_chat(*contents):
    roles = ["user", "assistant"] * len(contents)
    return Chat(id=contents[0], messages=tuple(map(Message, roles, contents)), meta={})


def test_the_bits_of_answers_are_those_of_what_the_last_turn_says_and_the_mark_that_ends_it(llama, working):
    chats = [
        a_chat("How do I bake bread?", "Mix flour and water."),
        a_chat("Rain", "Stones.", "And?", "Rivers."),
    ]
    asked = [chat.turns()[:-1] for chat in chats]
    given = [
        llama.tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
        for turns in asked
    ]
    answers = [llama.tokenizer.encode(f"{chat.messages[-1].content}<|im_end|>") for chat in chats]
    expected = []
    for before, answer in zip(given, answers, strict=True):
        read = torch.tensor([[llama.start, *before, *answer[:-1]]])
        with torch.inference_mode():
            logs = llama.model(read).logits[0, -len(answer) :].double().log_softmax(dim=-1)
        expected.append(-float(logs[range(len(answer)), answer].sum()) / math.log(2))

    measured = measure("held-out", texts_of(chats, llama, "answers"), llama, working())

    assert [one.outcome for one in measured.outcomes] == pytest.approx(expected, rel=1e-5)
    assert [one.tokens for one in measured.outcomes] == [len(answer) for answer in answers]
    assert [one.weight for one in measured.outcomes] == [
        len("Mix flour and water.<|im_end|>"),
        len("Rivers.<|im_end|>"),
    ]


def test_what_is_given_costs_nothing_in_any_window(llama, working):
    text = " ".join(TEXTS * 5)
    tokens = llama.tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    assert len(tokens["input_ids"]) > 2 * llama.context
    given = tokens["offset_mapping"][llama.context + 10][0]

    whole, rest = document_bits(
        [Text(id="whole", text=text), Text(id="rest", text=text, given=given)], llama, working(batch=1)
    )
    (before,) = document_bits([Text(id="before", text=text[:given])], llama, working())

    assert rest.tokens == len(tokens["input_ids"]) - llama.context - 10
    assert whole.tokens == before.tokens + rest.tokens
    assert rest.bits < whole.bits


@pytest.mark.parametrize(
    "chat", [a_chat("How?", "So.", "And then?"), Chat(id="a", messages=(Message("text", "Rain"),), meta={})]
)
def test_a_row_that_ends_in_no_answer_has_none_to_measure(llama, chat):
    with pytest.raises(StageError) as refusal:
        texts_of([chat], llama, "answers")

    assert refusal.value.reason == "BenchmarkMalformed"


def test_divergence_over_answers_is_that_after_their_tokens_alone(llama, base, working):
    chats = [a_chat("How do I bake bread?", "Mix flour and water.")]
    (text,) = texts_of(chats, llama, "answers")
    tokens = llama.tokenizer.encode(text.text)
    answer = len(llama.tokenizer.encode("Mix flour and water.<|im_end|>"))
    read = torch.tensor([[llama.start, *tokens[:-1]]])
    with torch.inference_mode():
        one, other = (
            loaded.model(read).logits[0, -answer:].double().log_softmax(dim=-1) for loaded in (llama, base)
        )

    measured = diverging("drift", [text], Pair(llama, base), working())

    assert measured.score == pytest.approx(float((one.exp() * (one - other)).sum()) / answer, rel=1e-4)


@pytest.mark.parametrize("under", ["model", "reference"])
def test_divergence_is_the_mean_over_tokens_of_what_the_probabilities_say(llama, base, working, under):
    pair = Pair(llama, base, under=under)
    measured = diverging("drift", [Text(id=text, text=text) for text in TEXTS], pair, working(batch=2))

    expected = []
    for text in TEXTS:
        read = torch.tensor([[llama.start, *llama.tokenizer.encode(text)[:-1]]])
        one, other = (loaded.model(read).logits[0].double().log_softmax(dim=-1) for loaded in (llama, base))
        if under == "reference":
            one, other = other, one
        expected.append(float((one.exp() * (one - other)).sum()))
    assert [one.outcome for one in measured.outcomes] == pytest.approx(expected, rel=1e-4)
    low, high = measured.beside["interval"]
    assert low < measured.score < high
    assert measured.score == pytest.approx(
        math.fsum(expected) / sum(one.tokens for one in measured.outcomes), rel=1e-4
    )


def test_a_model_does_not_diverge_from_itself(llama, working):
    measured = diverging("drift", [Text(id="a", text=TEXTS[0])], Pair(llama, llama), working())

    assert measured.score == 0
    assert measured.beside["interval"] is None


def test_models_of_other_tokens_are_not_compared(llama, base, working):
    tokenizer = load_model("other", llama.tokenizer.name_or_path, precision="fp32", threads=1).tokenizer
    tokenizer.add_tokens(["another"])

    with pytest.raises(StageError) as refusal:
        diverging(
            "drift", [Text(id="a", text="Rain")], Pair(llama, replace(base, tokenizer=tokenizer)), working()
        )
    assert refusal.value.reason == "TokenizerUnfit"


def test_a_reference_of_a_shorter_context_is_read_within_it(llama, base, working):
    short = replace(base, context=8)
    measured = diverging("drift", [Text(id="a", text=TEXTS[0])], Pair(llama, short), working())

    assert measured.score > 0


@pytest.mark.parametrize("texts", [[], [Text(id="a", text="")]])
def test_texts_that_are_all_empty_are_refused(llama, working, texts):
    for measuring in (
        lambda: measure("text", texts, llama, working()),
        lambda: diverging("drift", texts, Pair(llama, llama), working()),
    ):
        with pytest.raises(StageError) as refusal:
            measuring()
        assert refusal.value.reason == "BenchmarkMalformed"
