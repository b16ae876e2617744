"""Trainings that build on others."""

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer


def test_a_pretrained_model_is_fine_tuned_from_a_checkpoint_with_its_own_tokenizer(bench, spec_of, chats_of):
    texts = bench.chats({key: [("text", turns[0][1])] for key, turns in chats_of(60).items()})
    chats = bench.chats(chats_of(12, seed=5))
    base = bench.train(
        spec_of(texts, objective="pretrain", sequenceLength=32, batchSize=4, checkpoints={"slices": 3})
    )

    tuned = bench.train(
        spec_of(
            chats, tokenizer=None, model={"from": str(base.ref), "checkpoint": {"slice": 2}}, precision="bf16"
        )
    )

    assert tuned.failure is None
    assert set(tuned.record.provenance.inputs) == {chats, str(base.ref)}
    assert base.summary["tokens"] - base.summary["targetTokens"] == base.summary["rows"]
    assert AutoTokenizer.from_pretrained(base.checkpoint()).eos_token == "<|endoftext|>"
    assert AutoTokenizer.from_pretrained(tuned.checkpoint()).eos_token == "<|im_end|>"
    assert str(AutoModelForCausalLM.from_pretrained(tuned.checkpoint()).dtype) == "torch.float32"


def test_steps_of_another_stage_win_over_epochs_and_go_on_into_further_epochs(bench, spec_of, chats_of):
    many = bench.train(spec_of(bench.chats(chats_of(40))))
    few = bench.chats(chats_of(12, seed=2))

    matched = bench.train(spec_of(few, epochs=1, stepsOf=str(many.ref), checkpoints={"everyEpochs": 1}))

    assert matched.summary["steps"] == many.summary["steps"] == 5
    assert matched.summary["rows"] == 12 + 12 + 8
    assert [one["label"] for one in matched.summary["checkpoints"]] == ["epoch-1", "epoch-2", "final"]


def test_a_dose_is_a_prefix_of_a_longer_run_at_a_constant_rate(make_bench, spec_of, chats_of):
    chats = chats_of(40)
    long, short = make_bench("long"), make_bench("short")

    whole = long.train(spec_of(long.chats(chats), checkpoints={"rows": [16]}))
    part = short.train(spec_of(short.chats(chats), epochs=0.4))

    assert (part.checkpoint() / "model.safetensors").read_bytes() == (
        whole.checkpoint("rows-16") / "model.safetensors"
    ).read_bytes()


def test_the_models_own_template_trains_as_chatml_does_when_it_is_chatml(make_bench, spec_of, chats_of):
    chats = chats_of(12)
    first, second = make_bench("one"), make_bench("two")
    losses = []
    for bench, template in ((first, "chatml"), (second, "model")):
        data = bench.chats(chats)
        base = bench.train(spec_of(data))
        tuned = bench.train(
            spec_of(data, tokenizer=None, model={"from": str(base.ref)}, template=template, seed=2)
        )
        losses.append(tuned.metrics["loss"])

    assert losses[0] == pytest.approx(losses[1], abs=1e-9)
