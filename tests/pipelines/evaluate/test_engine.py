"""Our engine beside the harness' own, on models with random weights."""

import copy
from dataclasses import replace

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from assay.errors import StageError
from assay_pipelines.evaluate.engine import TOLERANCE, Engine
from assay_pipelines.evaluate.harness import as_shown
from assay_pipelines.evaluate.reuse import reusable
from assay_pipelines.inference import load_model
from assay_pipelines.outcomes import Outcome

EXAMPLES = "Which planet is nearest to the sun? Answer: Mercury. How do I bake bread? Answer: Mix flour. " * 2
QUESTIONS = (
    "Which is red?",
    "How do I write a poem about rain and stones?",
    "Rain?",
    "Then wait, and rivers.",
)
CHOICES = (" A", " B", " Mix flour, water, salt and yeast", " Mars")


@pytest.fixture(scope="module")
def llama(make_model):
    return load_model("final", make_model(context=1024), precision="fp32", threads=1)


def another(loaded, kind):
    """Return a model of another kind for the same tokenizer."""
    size = {"vocab_size": len(loaded.tokenizer), "initializer_range": 0.3}
    shape = size | {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    torch.manual_seed(1)
    model = {
        "gpt2": lambda: GPT2LMHeadModel(GPT2Config(**size, n_embd=32, n_layer=2, n_head=2)),
        "grouped": lambda: Qwen2ForCausalLM(Qwen2Config(**shape, num_key_value_heads=1)),
        "sliding": lambda: MistralForCausalLM(
            MistralConfig(**shape, num_key_value_heads=1, sliding_window=16)
        ),
        "stretched": lambda: Qwen2ForCausalLM(
            Qwen2Config(
                **shape,
                num_key_value_heads=1,
                max_position_embeddings=64,
                rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0},
            )
        ),
    }[kind]()
    return replace(loaded, model=model.eval(), context=512)


def asked(kind, *arguments):
    return [Instance(request_type=kind, doc={}, arguments=one, idx=0) for one in arguments]


def choosing(*, examples=EXAMPLES):
    return asked(
        "loglikelihood",
        *((f"{examples}{question} Answer:", choice) for question in QUESTIONS for choice in CHOICES),
        ("Something else:", " A"),
        ("", " poem"),
    )


def writing():
    options = {"until": ["."], "max_gen_toks": 12, "do_sample": False}
    return asked("generate_until", *((f"{EXAMPLES}{question} Answer:", options) for question in QUESTIONS))


def engine_of(loaded, work, **more):
    return Engine(loaded, work, **({"cutting": True, "seed": 0} | more))


def harness_of(loaded, *, batch=3):
    return HFLM(
        pretrained=loaded.model, tokenizer=loaded.tokenizer, batch_size=batch, max_length=loaded.context
    )


def same(found, expected):
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    assert [value for value, _ in found] == pytest.approx(
        [value for value, _ in expected], abs=TOLERANCE, rel=0
    )


class Reading:
    """Counts the tokens that a model reads, padding with them, while it is entered; ends with an error after so many passes."""

    def __init__(self, model, *, passes=None, most=None):
        self.model, self.passes, self.most, self.tokens = model, passes, most, 0

    def __enter__(self):
        self.hook = self.model.register_forward_pre_hook(self._reads, with_kwargs=True)
        return self

    def __exit__(self, *_):
        self.hook.remove()

    def _reads(self, _module, arguments, named):
        tokens = arguments[0] if arguments else named["input_ids"]
        if self.passes == 0:
            raise KeyboardInterrupt
        if self.passes is not None:
            self.passes -= 1
        if self.most is not None and tokens.numel() > self.most:
            torch.empty(2**60)  # as much memory as no machine has
        self.tokens += tokens.numel()


@pytest.mark.parametrize("batch", [1, 3, 32])
def test_likelihoods_are_the_harness_own_however_requests_are_batched(llama, working, batch):
    found = engine_of(llama, working(batch=batch)).loglikelihood(choosing(), disable_tqdm=True)

    same(found, harness_of(llama).loglikelihood(choosing(), disable_tqdm=True))


@pytest.mark.parametrize(("kind", "goes_on"), [("gpt2", True), ("grouped", True), ("sliding", False)])
def test_a_model_whose_memory_cannot_be_gone_on_from_is_read_the_plain_way(llama, working, kind, goes_on):
    loaded = another(llama, kind)
    expected = harness_of(loaded, batch=1)
    engine = engine_of(loaded, working())

    assert reusable(loaded.model) is goes_on
    same(
        engine.loglikelihood(choosing(), disable_tqdm=True),
        expected.loglikelihood(choosing(), disable_tqdm=True),
    )
    assert engine.generate_until(writing()) == expected.generate_until(writing(), disable_tqdm=True)


def test_a_model_whose_positions_change_with_what_is_read_is_read_the_plain_way(llama):
    assert not reusable(another(llama, "stretched").model)


def test_what_prompts_begin_with_is_read_once(llama, working):
    requests = choosing(examples=EXAMPLES * 4)
    with Reading(llama.model) as without:
        harness_of(llama).loglikelihood(requests, disable_tqdm=True)
    with Reading(llama.model) as reading:
        engine_of(llama, working()).loglikelihood(requests, disable_tqdm=True)

    assert reading.tokens < without.tokens / 4


def test_what_is_written_is_what_the_harness_lets_write(llama, working):
    expected = harness_of(llama).generate_until(writing(), disable_tqdm=True)

    assert all(expected)
    assert engine_of(llama, working(batch=3)).generate_until(writing()) == expected


def test_prompts_that_are_cut_are_answered_as_the_harness_does_and_counted(make_model, working):
    loaded = load_model("final", make_model(context=96), precision="fp32", threads=1)
    requests = choosing(examples="How do I bake bread? " * 12)
    engine = engine_of(loaded, working())

    same(
        engine.loglikelihood(requests, disable_tqdm=True),
        harness_of(loaded).loglikelihood(requests, disable_tqdm=True),
    )
    assert engine.cut == {request.args[0] for request in requests[:16]}


def test_writing_more_than_the_context_holds_is_refused(llama, working):
    requests = asked("generate_until", ("Rain", {"until": ["."], "max_gen_toks": 1024}))

    with pytest.raises(StageError, match="what is to be written") as refusal:
        engine_of(llama, working()).generate_until(requests)
    assert refusal.value.reason == "ContextTooSmall"


def test_a_continuation_longer_than_the_context_is_refused(llama, working):
    requests = asked("loglikelihood", ("Rain", " A B" * 1024))

    with pytest.raises(StageError, match="a continuation alone") as refusal:
        engine_of(llama, working()).loglikelihood(requests, disable_tqdm=True)
    assert refusal.value.reason == "ContextTooSmall"


def test_texts_without_a_prompt_are_kept_some_at_a_time(llama, working, tmp_path):
    requests = asked("loglikelihood", *(("", f" poem {number}") for number in range(40)))

    found = engine_of(llama, working(batch=1)).loglikelihood(requests, disable_tqdm=True)

    same(found, harness_of(llama).loglikelihood(requests, disable_tqdm=True))
    assert len(list((tmp_path / "store" / "resume").rglob("*.json"))) == 3


def test_a_killed_attempt_loses_only_the_batch_under_way(llama, working):
    with pytest.raises(KeyboardInterrupt), Reading(llama.model, passes=3):
        engine_of(llama, working(batch=2)).loglikelihood(choosing(), disable_tqdm=True)
    second = working(attempt=2, batch=2)
    with Reading(llama.model) as rest:
        found = engine_of(llama, second).loglikelihood(choosing(), disable_tqdm=True)
    with Reading(llama.model) as nothing:
        again = engine_of(llama, working(attempt=3, batch=2)).loglikelihood(choosing(), disable_tqdm=True)

    assert second.figures()["rowsTakenUp"] > 0
    assert rest.tokens > 0
    assert (nothing.tokens, again) == (0, found)
    same(found, harness_of(llama).loglikelihood(choosing(), disable_tqdm=True))


def test_a_later_attempt_finds_the_very_numbers_of_an_undisturbed_one(llama, working, tmp_path):
    undisturbed = engine_of(llama, working(batch=2)).loglikelihood(choosing(), disable_tqdm=True)
    _, *others = sorted((tmp_path / "store" / "resume").rglob("*.json"))
    for kept in others:
        kept.unlink()
    work = working(attempt=2, batch=2)

    assert engine_of(llama, work).loglikelihood(choosing(), disable_tqdm=True) == undisturbed
    assert work.figures()["rowsTakenUp"] == 2


def test_a_batch_that_memory_does_not_hold_is_halved_and_said_so(llama, working, capsys):
    work = working()
    with Reading(llama.model, most=len(llama.tokenizer.encode(EXAMPLES))):
        found = engine_of(llama, work).loglikelihood(choosing(), disable_tqdm=True)

    same(found, harness_of(llama).loglikelihood(choosing(), disable_tqdm=True))
    assert work.rows <= 2
    assert work.figures()["batchHalved"] >= 1
    assert "memory did not hold" in capsys.readouterr().err


def test_a_row_that_memory_does_not_hold_is_refused(llama, working):
    with Reading(llama.model, most=0), pytest.raises(StageError) as refusal:
        engine_of(llama, working()).loglikelihood(choosing(), disable_tqdm=True)

    assert refusal.value.reason == "OutOfMemory"


def test_what_is_drawn_after_memory_gave_way_is_not_drawn_again(llama, working):
    options = {"until": [], "max_gen_toks": 8, "do_sample": True, "temperature": 1.0}
    repeated = asked("generate_until", *[("Which is red?", options)] * 8)
    work = working()
    work.rows = 4  # as after half a batch was tried

    written = engine_of(llama, work).generate_until(repeated, disable_tqdm=True)
    assert len(set(written)) > 4


@pytest.mark.parametrize("sampled", [False, True])
def test_a_model_that_gives_no_numbers_writes_nothing(llama, working, sampled):
    options = {"until": ["."], "max_gen_toks": 4, "do_sample": sampled, "temperature": 0.8 * sampled}
    broken = copy.deepcopy(llama.model)
    with torch.no_grad():
        broken.lm_head.weight.fill_(float("nan"))

    with pytest.raises(StageError) as refusal:
        engine_of(replace(llama, model=broken), working()).generate_until(
            asked("generate_until", ("Which is red?", options)), disable_tqdm=True
        )
    assert refusal.value.reason == "ModelNotFinite"


def test_a_prompt_that_was_cut_is_known_by_what_was_left_of_it(llama, working):
    hashes = set()
    for context in (40, 48, 1024):
        engine = engine_of(replace(llama, context=context), working())
        [request, *_] = writing()
        engine.generate_until([request], disable_tqdm=True)
        outcome = Outcome(
            doc_id="a", doc_hash="", prompt_hash="whole", target_hash="", prediction="", outcome=1.0
        )
        hashes.add(as_shown(outcome, {"arguments": [request.args]}, engine).prompt_hash)

    assert len(hashes) == 3
    assert "whole" in hashes
