"""Which tokens are learned."""

import pytest

from assay.errors import StageError
from assay_pipelines.chats import Message
from assay_pipelines.train.examples import pretrain_examples, sft_examples
from assay_pipelines.train.template import chatml_writer, own_writer
from assay_pipelines.train.vocabulary import train_tokenizer

CHAT = [
    Message("system", "Be brief."),
    Message("user", "Grüße 👋?"),
    Message("assistant", "\n  Grüße 🎉 zurück "),
    Message("user", "And now"),
    Message("assistant", "nothing"),
]


@pytest.fixture
def tokenizer():
    return train_tokenizer(["hello hello world", "Grüße zurück"], 320)


def of(*chats):
    return [(f"{number}", chat) for number, chat in enumerate(chats)]


def learned_text(tokenizer, examples, index=0):
    part = slice(examples.offsets[index], examples.offsets[index + 1])
    return tokenizer.fast.decode(examples.tokens[part][examples.learned[part]])


def test_learned_are_the_assistants_words_and_the_end_of_its_turns_only(tokenizer):
    examples = sft_examples(of(CHAT), tokenizer, tokenizer.writer("chatml"), 500)

    assert learned_text(tokenizer, examples) == "\n  Grüße 🎉 zurück <|im_end|>nothing<|im_end|>"


def test_chatml_is_written_as_its_template_renders_it(tokenizer):
    written = tokenizer.writer("chatml")(CHAT)
    turns = [message._asdict() for message in CHAT]

    assert written.text == tokenizer.fast.apply_chat_template(turns, tokenize=False)
    assert written == own_writer(tokenizer.fast, "it")(CHAT)


@pytest.mark.parametrize("length", range(24, 80))
def test_a_chat_is_cut_only_where_an_assistants_turn_ends(tokenizer, length):
    short = [Message("user", "a"), Message("assistant", "b")]

    examples = sft_examples(of(short, CHAT), tokenizer, tokenizer.writer("chatml"), length)

    learned = [learned_text(tokenizer, examples, index) for index in range(len(examples.ids))]
    assert learned[0] == "b<|im_end|>"
    assert learned[1:] in (
        [],
        ["\n  Grüße 🎉 zurück <|im_end|>"],
        ["\n  Grüße 🎉 zurück <|im_end|>nothing<|im_end|>"],
    )
    assert max(examples.lengths) <= length


def test_a_template_whose_turns_depend_on_later_ones_is_refused(tokenizer):
    tokenizer.fast.chat_template = "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}"

    with pytest.raises(StageError) as caught:
        own_writer(tokenizer.fast, "it")(CHAT)

    assert caught.value.reason == "TemplateUnfit"


def test_a_begin_token_stands_at_the_start_where_the_model_expects_one():
    assert chatml_writer("<s>")(CHAT).text.startswith("<s><|im_start|>system")


def test_pretraining_learns_every_token_once(tokenizer):
    chats = of([Message("text", "hello world")], [Message("text", "Grüße")])

    examples = pretrain_examples(chats, tokenizer, 16)
    pieces = [examples.tokens[a:b] for a, b in zip(examples.offsets, examples.offsets[1:], strict=False)]

    whole = [*pieces[0], *(token for piece in pieces[1:] for token in piece[1:])]
    assert tokenizer.fast.decode(whole) == "<|endoftext|>hello world<|endoftext|>Grüße<|endoftext|>"
    assert examples.learned.sum() == len(whole) - 1


def test_the_same_texts_give_the_same_tokenizer():
    first, second = (train_tokenizer(["one two three", "two three four"], 300).fast for _ in range(2))

    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()
