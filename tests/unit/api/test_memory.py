"""Memory, by hand."""

from dataclasses import replace

import pytest

from assay.api.memory import LOGITS, Load, gpu_memory, least_stage, logits_at_once
from assay.api.train import Train

GIB = 1 << 30
SEVEN = Load(
    parameters=6_738_415_616,
    learned=6_738_415_616,
    layers=32,
    width=4096,
    tokens=4096,
    logits=LOGITS,
    half=True,
    again=True,
)


def test_sixteen_bytes_a_weight_are_parted_stage_by_stage():
    at = [SEVEN.bytes_at(stage, 8) for stage in range(4)]
    n = SEVEN.parameters

    assert [one["weights"] for one in at] == [4 * n, 4 * n, 4 * n, n / 2]
    assert [one["gradients"] for one in at] == [4 * n, 4 * n, n / 2, n / 2]
    assert [one["averages"] for one in at] == [8 * n, n, n, n]
    assert [one["copies in bf16"] for one in at] == [2 * n, 2 * n, 2 * n, n / 4]


def test_weights_that_stay_as_they_are_have_neither_gradients_nor_averages():
    at = replace(SEVEN, learned=1000).bytes_at(0, 1)

    assert (at["weights"], at["gradients"], at["averages"]) == (4 * SEVEN.parameters, 4000, 8000)


def test_activations_of_a_layer_are_34_bytes_a_token_and_unit_of_width():
    whole = replace(SEVEN, again=False).bytes_at(0, 1)["activations"]

    assert whole == 34 * 4096 * 4096 * 32
    assert replace(SEVEN, half=False, again=False).bytes_at(0, 1)["activations"] == 2 * whole
    assert SEVEN.bytes_at(0, 1)["activations"] == (2 * 32 + 34) * 4096 * 4096


@pytest.mark.parametrize(
    ("gib", "world", "stage"),
    [
        (80, 8, 2),  # 7 B on 8 x A100-80GB needs no ZeRO 3
        (40, 8, 3),
        (141, 8, 0),
        (16, 8, 3),  # nor does it fit, but 3 is the last resort
        (80, 1, 0),  # nobody to share with
        (None, 8, 0),  # CPUs
    ],
)
def test_the_least_stage_that_fits_is_taken(gib, world, stage):
    assert least_stage(SEVEN, world=world, memory=None if gib is None else gib * GIB) == stage


def test_a_start_that_holds_all_weights_must_fit_too():
    large = replace(SEVEN, parameters=20 * SEVEN.parameters, learned=0)

    assert sum(large.bytes_at(3, 64).values()) < 80 * GIB * 0.85
    assert not large.fits(3, world=64, memory=80 * GIB)


@pytest.mark.parametrize(
    ("product", "gib"),
    [
        ("NVIDIA-A100-SXM4-80GB", 78.4),
        ("NVIDIA-A100-PCIE-40GB", 39.2),
        ("NVIDIA-A100-SXM4-80GB-MIG-3g.40gb", 39.2),
        ("NVIDIA-H100-80GB-HBM3", 78.4),
        ("NVIDIA-H100-NVL", 93.1),
        ("NVIDIA-GH200-480GB", 94.5),
        ("Tesla-T4", 14.6),
        ("NVIDIA-L40S-SHARED", 44.4),
        ("Quadro", None),
    ],
)
def test_a_gpu_s_memory_is_known_by_its_product(product, gib):
    found = gpu_memory({"nvidia.com/gpu.product": product})

    assert found == (None if gib is None else pytest.approx(gib * GIB))


def test_a_label_with_a_gpu_s_memory_goes_before_its_product():
    labels = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB", "nvidia.com/gpu.memory": "40960"}

    assert gpu_memory(labels) == 40 * GIB
    assert gpu_memory({"zone": "a"}) is None


def test_logits_of_plain_models_exist_for_some_tokens_at_a_time_unless_answers_are_compared():
    sft, dpo = (a_training(objective) for objective in ("sft", "dpo"))

    assert logits_at_once(sft, 8192, kind="llama", vocabulary=32_000) == LOGITS
    assert logits_at_once(sft, 100, kind="llama", vocabulary=32_000) == 3_200_000
    assert logits_at_once(sft, 8192, kind="gpt_neox", vocabulary=32_000) == 8192 * 32_000
    assert logits_at_once(dpo, 8192, kind="llama", vocabulary=32_000) == 8192 * 32_000


def a_training(objective):
    return Train.model_validate(
        {
            "objective": objective,
            "data": {"from": "chats"},
            "model": {"from": "base"},
            "batchSize": 8,
            "epochs": 1,
            "optimizer": {"lr": 1e-4},
            "sequenceLength": 512,
        }
    )
