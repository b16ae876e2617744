"""How fast a training is on one GPU, beside TRL's SFTTrainer: part of `make benchmark-training`; says so where there is no GPU.

A Llama of 1.3 billion parameters learns packed sequences of 4,096 tokens in bf16 (fp32 weights and averages, as autocast has it):
drawn tokens in chats of skewed lengths, all of them learned. Each engine has a process of its own, the same model and as many
sequences per step; TRL gets Liger's kernels, and packs by cutting (`wrapped`), which no mask tells apart: its documents see each other.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch
from _goals import end
from transformers import LlamaConfig, LlamaForCausalLM, TrainerCallback

from assay.api.gpus import peak_of
from assay.api.train import Train
from assay_pipelines.train.copies import copied
from assay_pipelines.train.documents import join_documents
from assay_pipelines.train.engine import Engine, Place, join
from assay_pipelines.train.examples import Examples
from assay_pipelines.train.loop import Loop
from assay_pipelines.train.network import Network, compile_layers
from assay_pipelines.train.speed import operations_per_token
from assay_pipelines.train.timetable import make_timetable

GOAL_MFU, GOAL_TRL = 0.5, 1.1
LENGTH, SEQUENCES = 4096, 36
COMPILED, EAGER = 6, 4  # sequences of a micro-batch: as many as fit 80 GB
STEPS, SKIPPED = 9, 3
ENGINES = ("assay", "assay-eager", "trl")
VOCABULARY = 32_000


def a_model() -> LlamaForCausalLM:
    """Return 1.3 billion weights at random, on the GPU."""
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=2048,
        intermediate_size=5632,
        num_hidden_layers=24,
        num_attention_heads=16,
        max_position_embeddings=LENGTH,
        use_cache=False,
    )
    with torch.device("cuda"):
        return LlamaForCausalLM(config)


def some_examples() -> Examples:
    """Return as many chats as fill all steps."""
    draw = np.random.default_rng(1)
    wanted = LENGTH * SEQUENCES * STEPS
    lengths = np.clip(draw.lognormal(np.log(300), 1.0, wanted // 400), 16, LENGTH).astype(np.int64)
    lengths = lengths[: int(np.searchsorted(np.cumsum(lengths), wanted * 0.99))]
    offsets = np.cumsum([0, *lengths])
    learned = np.ones(offsets[-1], dtype=np.bool_)
    learned[offsets[:-1]] = False
    return Examples(
        ids=tuple(f"{number:06d}" for number in range(len(lengths))),
        tokens=draw.integers(0, VOCABULARY, offsets[-1]).astype(np.int32),
        learned=learned,
        offsets=offsets,
        targets=lengths - 1,
        notes={},
    )


class Clock:
    """Seconds and tokens of the steps after the first ones, and when the first had ended."""

    def __init__(self) -> None:
        self.made = time.monotonic()
        self.steps, self.tokens, self.first, self.began = 0, 0, 0.0, 0.0

    def step(self, tokens: int) -> None:
        """Take note of a step that has ended."""
        torch.cuda.synchronize()
        now = time.monotonic()
        self.steps += 1
        self.tokens += tokens if self.steps > SKIPPED else 0
        if self.steps == 1:
            self.first = now - self.made
        if self.steps == SKIPPED:
            self.began = now

    def told(self) -> dict[str, float]:
        """Return what was measured."""
        return {
            "seconds": time.monotonic() - self.began,
            "tokens": self.tokens,
            "first": self.first,
            "memory": torch.cuda.max_memory_allocated() / 2**30,
        }


def run_assay(*, compiled: bool) -> dict[str, float]:
    """Measure our loop."""
    model, examples, place = a_model(), some_examples(), Place()
    operations = operations_per_token(model, examples)
    train = Train.model_validate(
        {
            "data": {"from": "chats"},
            "model": {"from": "base"},
            "batchSize": SEQUENCES,
            "batchUnit": "packedSequences",
            "epochs": 1,
            "optimizer": {"lr": 1e-4, "gradientClip": 1.0},
            "sequenceLength": LENGTH,
            "precision": "bf16",
        }
    )
    join(place)
    join_documents(model, "llama")
    clock = Clock()
    if compiled:
        compile_layers(model, "llama")
    engine = Engine(Network(model.train(), torch.bfloat16), place, train.optimizer, 0)
    timetable = make_timetable(train, examples.ids, examples.lengths, None)
    loop = Loop(
        engine=engine,
        examples=examples,
        timetable=timetable,
        place=place,
        micro_batch=COMPILED if compiled else EAGER,
    )
    for step in range(min(timetable.steps - 1, STEPS - 1)):  # the last may be smaller
        clock.step(loop.step(step).tokens)
    told = clock.told() | {"operations": operations}
    began = time.monotonic()
    bring = copied(engine.weights())
    torch.cuda.synchronize()
    paused = time.monotonic() - began
    return told | {"pause": paused, "kept": len(bring())}


def run_trl() -> dict[str, float]:
    """Measure TRL's SFTTrainer on the same chats."""
    from datasets import Dataset  # noqa: PLC0415 -- the peer alone needs them
    from tokenizers import Tokenizer, models  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415
    from trl import SFTConfig, SFTTrainer  # noqa: PLC0415

    examples = some_examples()
    bounds = zip(examples.offsets, examples.offsets[1:], strict=False)
    data = Dataset.from_dict({"input_ids": [examples.tokens[begin:stop].tolist() for begin, stop in bounds]})
    words = {f"t{number}": number for number in range(VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="t0")), pad_token="t0", eos_token="t1"
    )
    clock = Clock()

    class Watch(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            clock.step(LENGTH * SEQUENCES)

    settings = SFTConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=EAGER,
        gradient_accumulation_steps=SEQUENCES // EAGER,
        max_steps=STEPS - 1,
        learning_rate=1e-4,
        lr_scheduler_type="constant",
        optim="adamw_torch_fused",
        bf16=True,
        max_length=LENGTH,
        packing=True,
        packing_strategy="wrapped",
        gradient_checkpointing=False,
        use_liger_kernel=True,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        seed=1,
    )
    trainer = SFTTrainer(
        a_model(), args=settings, train_dataset=data, processing_class=tokenizer, callbacks=[Watch()]
    )
    trainer.train()
    return clock.told()


def measured(engine: str) -> dict[str, float]:
    """Let an engine train in a process of its own."""
    ended = subprocess.run(
        [sys.executable, __file__, "--engine", engine],
        capture_output=True,
        text=True,
        env=os.environ | {"TOKENIZERS_PARALLELISM": "false"},
        check=False,
    )
    if ended.returncode:
        sys.exit(f"{engine}: found that it failed\n{ended.stderr[-3000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--engine", choices=ENGINES)
    engine = arguments.parse_args().engine
    if engine == "trl":
        print(json.dumps(run_trl()))
    elif engine is not None:
        print(json.dumps(run_assay(compiled=engine == "assay")))
    elif not torch.cuda.is_available():
        print("no GPU here: nothing was measured")
    else:
        compare()


def compare() -> None:
    """Measure all, print the table, and end with the goals."""
    gpu = torch.cuda.get_device_name()
    told = {name: measured(name) for name in ENGINES}
    rates = {name: one["tokens"] / one["seconds"] for name, one in told.items()}
    mfu = {
        name: rates[name] * told["assay"]["operations"] / (peak_of(gpu) or float("inf")) for name in ENGINES
    }
    print(f"{gpu}, torch {torch.__version__}")
    for name, one in told.items():
        print(
            f"{name:12} {rates[name]:8.0f} tokens/s, MFU {mfu[name]:.3f}, peak {one['memory']:.1f} GiB, "
            f"first step after {one['first']:.1f} s"
        )
    step = told["assay"]["seconds"] / (STEPS - 1 - SKIPPED)
    print(f"a checkpoint stops training for {told['assay']['pause']:.2f} s; a step takes {step:.2f} s")
    end(
        [
            (f"MFU {mfu['assay']:.3f}, at least {GOAL_MFU}", mfu["assay"] >= GOAL_MFU),
            (
                f"{rates['assay'] / rates['trl']:.2f} of TRL's tokens per second, at least {GOAL_TRL}",
                rates["assay"] >= GOAL_TRL * rates["trl"],
            ),
        ]
    )


if __name__ == "__main__":
    main()
