"""Learning low-rank updates only."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from assay.api.train import Lora
from assay.errors import StageError
from assay.plan.fit import Folder, folder_shape, updated
from assay_pipelines.train.lora import add_adapters, merged

TOKENS = torch.arange(2, 40)[None]


def a_model(kind="llama"):
    torch.manual_seed(2)
    config = AutoConfig.for_model(
        kind,
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=0,
        tie_word_embeddings=kind == "llama",
    )
    return AutoModelForCausalLM.from_config(config).eval()


@torch.no_grad()
def odds(model):
    return model(input_ids=TOKENS).logits


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt_neox"])
def test_training_starts_at_the_model_as_it_is_and_what_is_kept_is_what_was_trained(kind, tmp_path):
    model, lora = a_model(kind), Lora(rank=4, alpha=6)
    before, names = odds(model), set(dict(model.named_parameters()))

    add_adapters(model, lora, "it")
    started = odds(model)
    learned = {name: one for name, one in model.named_parameters() if one.requires_grad}
    with torch.no_grad():
        for weight in learned.values():
            weight.add_(torch.randn_like(weight) * 0.1)
    trained = odds(model)
    whole = merged({name: weight.detach() for name, weight in model.named_parameters()}, lora)
    model.save_pretrained(tmp_path, state_dict=dict(whole))
    loaded = odds(AutoModelForCausalLM.from_pretrained(tmp_path).eval())

    assert torch.equal(started, before)
    assert all(".lora_" in name for name in learned)
    assert set(whole) == names
    assert (trained - before).abs().max() > 1e-2
    assert (loaded - trained).abs().max() < 1e-5


def test_only_the_targets_are_updated():
    model = a_model()
    add_adapters(model, Lora(rank=2, alpha=2, targets=("q_proj", "down_proj")), "it")

    learned = {name.split(".lora_")[0] for name, one in model.named_parameters() if one.requires_grad}

    assert learned == {
        f"model.layers.{layer}.{name}" for layer in (0, 1) for name in ("self_attn.q_proj", "mlp.down_proj")
    }


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize("targets", [None, ("k_proj", "down_proj")])
def test_how_many_parameters_updates_have_is_known_from_a_model_s_configuration(kind, targets):
    model, lora = a_model(kind), Lora(rank=4, alpha=6, targets=targets)
    weights = sum(weight.numel() for weight in model.parameters())
    folder = Folder(configuration=model.config.to_dict() | {"dtype": "float32"}, weights=4 * weights)

    add_adapters(model, lora, "it")

    assert folder_shape(folder).parameters == weights
    learned = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert updated(lora, folder_shape(folder)) == learned


@pytest.mark.parametrize("target", ["query", "lm_head", "embed_tokens"])
def test_a_target_that_is_no_layer_is_refused_with_those_that_are(target):
    with pytest.raises(StageError) as caught:
        add_adapters(a_model(), Lora(rank=2, alpha=2, targets=(target,)), "it")

    assert caught.value.reason == "Unsupported"
    assert f"found {target}, expected some of those of model it: down_proj, gate_proj" in caught.value.found


@pytest.mark.parametrize("objective", ["sft", "dpo"])
def test_updates_take_the_same_steps_however_batches_are_dealt_out(make_bench, spec_of, chats_of, objective):
    chats = chats_of(19)
    rejected = {key: [turns[0], ("assistant", "rain")] for key, turns in chats.items()}

    def trained(name, **execution):
        bench = make_bench(name)
        data = bench.chats(chats, rejected=rejected)
        base = bench.train(spec_of(data))
        tuned = spec_of(
            data,
            model={"from": str(base.ref)},
            tokenizer=None,
            objective=objective,
            lora={"rank": 4, "alpha": 8},
            optimizer={"name": "adamw", "lr": 0.01},
            epochs=4,
        )
        ended = bench.train(tuned, **execution)
        assert ended.failure is None
        return base, ended

    base, one = trained("one", microBatch=8)
    _, other = trained("sharded", microBatch=2, processesPerNode=2, zeroStage=3)

    assert sum(one.metrics["loss"][-3:]) < sum(one.metrics["loss"][:3])  # the last pass, and the first
    assert other.metrics["loss"] == pytest.approx(one.metrics["loss"], abs=1e-5)
    assert other.metrics["grad_norm"] == pytest.approx(one.metrics["grad_norm"], rel=1e-4)
    assert one.summary["trained"] < one.summary["parameters"] == base.summary["trained"]
    assert set(one.record.outputs.files) == set(base.record.outputs.files)
    first, last, across = (
        AutoModelForCausalLM.from_pretrained(ended.checkpoint()).state_dict() for ended in (base, one, other)
    )
    assert set(first) == set(last)
    assert torch.equal(first["model.norm.weight"], last["model.norm.weight"])
    name = "model.layers.0.self_attn.q_proj.weight"
    assert (first[name] - last[name]).abs().max() > 1e-3
    assert (across[name] - last[name]).abs().max() < 1e-4
