"""The whole program, in a process forked after its imports."""

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from assay.api.model import Llama
from assay.plan.fit import llama_shape


def test_a_stage_ends_with_a_record_models_and_metrics(bench, spec_of, chats_of):
    data = bench.chats(chats_of(20))

    ended = bench.train(spec_of(data, checkpoints={"everyEpochs": 0.5}, epochs=2))

    assert ended.failure is None
    assert ended.code == 0
    assert ended.summary["steps"] == 6
    assert ended.summary["rows"] == 40
    shape = llama_shape(Llama.model_validate(spec_of(data)["model"]["llama"]), 300)
    assert ended.summary["parameters"] == shape.parameters  # as it was known before
    assert [(one["label"], one["step"], one["rows"]) for one in ended.summary["checkpoints"]] == [
        ("epoch-0.5", 2, 16),
        ("epoch-1", 3, 20),
        ("epoch-1.5", 5, 36),
        ("epoch-2", 6, 40),
        ("final", 6, 40),
    ]
    assert ended.metrics["step"] == [1, 2, 3, 4, 5, 6]
    assert ended.metrics["rows"] == [8, 16, 20, 28, 36, 40]
    assert ended.metrics["loss"][-1] < ended.metrics["loss"][0]
    model = AutoModelForCausalLM.from_pretrained(ended.checkpoint("epoch-0.5"))
    tokenizer = AutoTokenizer.from_pretrained(ended.checkpoint("epoch-0.5"))
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "the cat"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    assert model.generate(**prompt, max_new_tokens=4, do_sample=False).shape[1] > prompt["input_ids"].shape[1]
    assert tokenizer.eos_token == "<|im_end|>"
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


def test_the_same_stage_in_two_stores_writes_the_same_bytes(make_bench, spec_of, chats_of):
    first, second = (
        bench.train(spec_of(bench.chats(chats_of(20)), checkpoints={"slices": 2}))
        for bench in (make_bench("one"), make_bench("two"))
    )

    assert first.record.outputs == second.record.outputs
    assert first.record.outputs_digest == second.record.outputs_digest


@pytest.mark.parametrize("zero_stage", [0, 1, 2, 3])
def test_two_processes_take_the_same_steps_as_one(make_bench, spec_of, chats_of, zero_stage):
    chats = chats_of(19)
    alone, together = make_bench("alone"), make_bench("together")
    spec = spec_of(alone.chats(chats), checkpoints={"rows": [8]})

    one = alone.train(spec, microBatch=8)
    two = together.train(
        spec_of(together.chats(chats), checkpoints={"rows": [8]}),
        microBatch=3,
        processesPerNode=2,
        zeroStage=zero_stage,
    )

    assert two.failure is None
    assert one.ref == two.ref
    assert two.metrics["loss"] == pytest.approx(one.metrics["loss"], abs=1e-5)
    assert two.metrics["grad_norm"] == pytest.approx(one.metrics["grad_norm"], rel=1e-5)
    for name in ("step", "rows", "lr", "tokens", "target_tokens"):
        assert two.metrics[name] == one.metrics[name]
    assert sorted(two.record.outputs.files) == sorted(one.record.outputs.files)
    ours, theirs = (
        AutoModelForCausalLM.from_pretrained(ended.checkpoint("rows-8")).state_dict() for ended in (one, two)
    )
    for name, weight in ours.items():
        assert (weight - theirs[name]).abs().max() < 1e-4, name


@pytest.mark.parametrize("micro_batch", [1, 3, 100])
def test_any_micro_batch_takes_the_same_steps(make_bench, spec_of, chats_of, micro_batch):
    chats = chats_of(40)
    whole, parts = make_bench("whole"), make_bench("parts")

    one = whole.train(spec_of(whole.chats(chats)), microBatch=8)
    other = parts.train(spec_of(parts.chats(chats)), microBatch=micro_batch)

    assert other.metrics["loss"] == pytest.approx(one.metrics["loss"], abs=1e-5)
    assert other.metrics["grad_norm"] == pytest.approx(one.metrics["grad_norm"], rel=1e-5)
    assert other.metrics["lr"] == one.metrics["lr"]


def test_activations_that_are_computed_again_change_nothing(make_bench, spec_of, chats_of):
    kept, again = make_bench("kept"), make_bench("again")

    one = kept.train(spec_of(kept.chats(chats_of(40))))
    other = again.train(spec_of(again.chats(chats_of(40))), activationCheckpointing=True)

    assert other.record.outputs == one.record.outputs


@pytest.mark.parametrize(("unit", "size"), [("packedSequences", 3), ("tokens", 350)])
def test_every_unit_takes_the_same_steps_however_batches_are_dealt_out(
    make_bench, spec_of, chats_of, unit, size
):
    chats = chats_of(40)

    def trained(name, **execution):
        bench = make_bench(name)
        spec = spec_of(bench.chats(chats), batchUnit=unit, batchSize=size, epochs=2)
        ended = bench.train(spec, **execution)
        assert ended.failure is None
        return ended

    one = trained("one", microBatch=3)
    assert len(set(one.metrics["tokens"])) > 1
    others = [
        trained("single", microBatch=1),
        trained("two", microBatch=2, processesPerNode=2),
        trained("sharded", microBatch=1, processesPerNode=2, zeroStage=3),
    ]

    for other in others:
        assert other.metrics["loss"] == pytest.approx(one.metrics["loss"], abs=1e-5)
        assert other.metrics["grad_norm"] == pytest.approx(one.metrics["grad_norm"], rel=1e-5)
        assert other.metrics["rows"] == one.metrics["rows"]


def test_a_packed_sequence_per_step_learns_what_its_rows_do_in_an_unpacked_batch(
    make_bench, spec_of, chats_of
):
    chats = chats_of(12)
    packed, plain = make_bench("packed"), make_bench("plain")

    together = packed.train(spec_of(packed.chats(chats), batchUnit="packedSequences", batchSize=100))
    apart = plain.train(spec_of(plain.chats(chats), batchSize=100))

    assert together.summary["steps"] == apart.summary["steps"] == 1
    assert together.summary["sequences"] < together.summary["rows"] == apart.summary["sequences"] == 12
    assert together.metrics["loss"] == pytest.approx(apart.metrics["loss"], abs=1e-5)
    assert together.metrics["grad_norm"] == pytest.approx(apart.metrics["grad_norm"], rel=1e-5)
    padding = [ended.record.provenance.figures["padding"] for ended in (together, apart)]
    assert padding[0] == 0 < padding[1]
    assert AutoModelForCausalLM.from_pretrained(together.checkpoint()).config._attn_implementation == "sdpa"


def test_the_processes_of_a_torchrun_join_and_one_of_them_speaks(make_bench, spec_of, chats_of):
    chats = chats_of(19)
    alone, joined = make_bench("alone"), make_bench("joined")
    one = alone.train(spec_of(alone.chats(chats)))

    codes, two = joined.torchrun(spec_of(joined.chats(chats)), zeroStage=2)

    assert codes == [0, 0]
    assert two.metrics["loss"] == pytest.approx(one.metrics["loss"], abs=1e-4)


def test_several_nodes_without_a_torchrun_are_refused(bench, spec_of, chats_of):
    ended = bench.train(spec_of(bench.chats(chats_of(4))), nodes=2)

    assert (ended.code, ended.failure.reason) == (64, "NotLaunched")


def test_a_record_says_how_fast_it_went_and_its_outputs_do_not(bench, spec_of, chats_of):
    ended = bench.train(spec_of(bench.chats(chats_of(20))))

    assert ended.record.provenance.figures["tokensPerSecond"] > 0
    assert ended.record.provenance.figures["peakMemoryGib"] > 0
    assert "tokensPerSecond" not in str(ended.record.outputs)
    assert ended.summary["curve"]["step"] == [1, 2, 3]
    assert ended.summary["curve"]["loss"] == ended.metrics["loss"]


def test_a_record_s_environment_says_how_sums_were_spread_and_whether_bits_repeat(bench, spec_of, chats_of):
    data = bench.chats(chats_of(20))

    usual = bench.train(spec_of(data)).record
    fastest = bench.train(
        spec_of(data, seed=2), deterministic=False, microBatch=2, processesPerNode=2, zeroStage=1
    ).record

    told = [
        {name: record.provenance.environment[name] for name in ("processes", "zeroStage", "deterministic")}
        for record in (usual, fastest)
    ]
    assert told == [
        {"processes": 1, "zeroStage": 0, "deterministic": True},
        {"processes": 2, "zeroStage": 1, "deterministic": False},
    ]
