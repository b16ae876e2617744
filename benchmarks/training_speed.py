"""How fast a training is beside TRL's SFTTrainer, transformers' Trainer and a bare loop: `make benchmark-training`.

One model, one set of chats as one list of tokens, one batch size, one optimizer and one thread, each engine in a process of
its own. What counts is the processor's time of a training's steps after the first ones, which other work on the machine
lengthens less than the clock: learned text per second of it, padding not counted. The bare loop takes our batches through the
same model, forward and backward, and steps torch's AdamW: what our loop takes beyond that is DeepSpeed and bookkeeping.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from datasets import Dataset
from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

from assay.api.model import Llama
from assay.api.train import Train
from assay_pipelines.chats import Message
from assay_pipelines.train.engine import Engine, Place, join
from assay_pipelines.train.examples import sft_examples
from assay_pipelines.train.layout import lay_out
from assay_pipelines.train.loop import Loop, rounds_of
from assay_pipelines.train.network import Network, new_llama, parameter_groups
from assay_pipelines.train.timetable import make_timetable
from assay_pipelines.train.vocabulary import train_tokenizer

ROOT = Path(__file__).parents[1]
GOAL_UNPACKED = 1.1  # of TRL's tokens per second
GOAL_OVERHEAD = 1.05  # of the bare loop's time
THREADS = 1
SKIPPED, BATCH, LENGTH = 3, 16, 512
STEPS = 20
ENGINES = ("assay", "bare", "trl", "trainer")


def chats(count: int) -> list[list[tuple[str, str]]]:
    """Return real chats of the samples, in a fixed order, as often as it takes."""
    lines = (ROOT / "manifests/samples/data/chats.jsonl").read_text().splitlines()
    known = {
        "human": "user",
        "gpt": "assistant",
        "user": "user",
        "assistant": "assistant",
        "system": "system",
    }
    real = [
        [(known[turn["from"]], turn["value"]) for turn in json.loads(line)["conversations"]] for line in lines
    ]
    real = [chat for chat in real if any(role == "assistant" for role, _ in chat)]
    draw = random.Random(1)
    return [draw.choice(real) for _ in range(count)]


def prepared():
    """Return the model, its tokenizer and the examples, the same in every process."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    some = chats(BATCH * (STEPS + SKIPPED))
    tokenizer = train_tokenizer((text for chat in some for _, text in chat), 4096)
    shape = Llama.model_validate(
        {"hiddenSize": 256, "layers": 6, "heads": 4, "context": LENGTH, "tieEmbeddings": True}
    )
    model = new_llama(shape, tokenizer)
    rows = ((f"{number:06d}", [Message(*turn) for turn in chat]) for number, chat in enumerate(some))
    return model, tokenizer, sft_examples(rows, tokenizer, tokenizer.writer("chatml"), LENGTH)


class Clock:
    """The processor's time and the tokens of all steps but the first."""

    def __init__(self) -> None:
        self.steps, self.tokens, self.began = 0, 0, 0.0

    def step(self, tokens: int) -> None:
        """Take note of a step that has ended."""
        self.steps += 1
        self.tokens += tokens if self.steps > SKIPPED else 0
        if self.steps == SKIPPED:
            self.began = time.process_time()

    def told(self) -> dict[str, float]:
        """Return what was measured."""
        return {"seconds": time.process_time() - self.began, "tokens": self.tokens, "steps": self.steps}


def a_loop():
    """Return our loop with nothing around it."""
    model, _, examples = prepared()
    train = Train.model_validate(
        {
            "data": {"from": "chats"},
            "model": {"from": "base"},
            "batchSize": BATCH,
            "epochs": 1,
            "optimizer": {"lr": 1e-3, "gradientClip": 1.0},
            "sequenceLength": LENGTH,
            "precision": "fp32",
        }
    )
    place = Place()
    join(place)
    engine = Engine(Network(model.train(), torch.float32), place, train.optimizer, 0)
    timetable = make_timetable(train, examples.ids, examples.lengths, None)
    return Loop(engine=engine, examples=examples, timetable=timetable, place=place, micro_batch=8), train


def run_assay() -> dict[str, float]:
    """Measure our loop."""
    loop, _ = a_loop()
    clock = Clock()
    for step in range(loop.timetable.steps):
        loop.step(step)
        clock.step(int(loop.examples.lengths[loop.timetable.rows_at(step)].sum()))
    return clock.told()


def run_bare() -> dict[str, float]:
    """Measure forward, backward and AdamW on our batches."""
    loop, train = a_loop()
    model, _, examples = prepared()
    network = Network(model.train(), torch.float32)
    adamw = torch.optim.AdamW(
        parameter_groups(network, 0.0),
        lr=1e-3,
        betas=train.optimizer.betas,
        eps=train.optimizer.eps,
        fused=True,
    )
    clock = Clock()
    for step in range(loop.timetable.steps):
        rows = loop.timetable.rows_at(step)
        targets = int(examples.targets[rows].sum())
        for [part] in rounds_of(rows, examples.lengths, micro_batch=8, world=1):
            batch = lay_out(examples, [part[at : at + 1] for at in range(len(part))], torch.device("cpu"))
            (network(*batch) / targets).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adamw.step()
        adamw.zero_grad()
        clock.step(int(examples.lengths[rows].sum()))
    return clock.told()


def run_peer(name: str) -> dict[str, float]:
    """Measure TRL's SFTTrainer or transformers' Trainer on the same tokens and masks."""
    model, tokenizer, examples = prepared()
    bounds = list(zip(examples.offsets, examples.offsets[1:], strict=False))
    ids = [examples.tokens[begin:end].tolist() for begin, end in bounds]
    masks = [examples.learned[begin:end].astype(int).tolist() for begin, end in bounds]
    clock = Clock()
    average = int(examples.lengths.sum()) / len(ids) * BATCH

    class Watch(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            clock.step(average)

    common = {
        "output_dir": tempfile.mkdtemp(),
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": BATCH // 8,
        "num_train_epochs": 1,
        "learning_rate": 1e-3,
        "lr_scheduler_type": "constant",
        "optim": "adamw_torch_fused",
        "max_grad_norm": 1.0,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "dataloader_num_workers": 0,
        "seed": 1,
    }
    if name == "trl":
        from trl import SFTConfig, SFTTrainer  # noqa: PLC0415 -- the peer alone needs it

        data = Dataset.from_dict({"input_ids": ids, "completion_mask": masks})
        settings = SFTConfig(
            **common,
            max_length=LENGTH,
            completion_only_loss=True,
            packing=False,
            activation_checkpointing=False,
        )
        trainer = SFTTrainer(
            model, args=settings, train_dataset=data, processing_class=tokenizer.fast, callbacks=[Watch()]
        )
    else:
        labels = [
            [token if mask else -100 for token, mask in zip(*pair, strict=True)]
            for pair in zip(ids, masks, strict=True)
        ]
        data = Dataset.from_dict({"input_ids": ids, "labels": labels})
        trainer = Trainer(
            model,
            args=TrainingArguments(**common),
            train_dataset=data,
            data_collator=DataCollatorForSeq2Seq(tokenizer.fast, padding=True),
            callbacks=[Watch()],
        )
    trainer.train()
    return clock.told()


def measured(engine: str) -> dict[str, float]:
    """Let an engine train in a process of its own."""
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS), "TOKENIZERS_PARALLELISM": "false"}
    ended = subprocess.run(
        [sys.executable, __file__, "--engine", engine],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if ended.returncode:
        sys.exit(f"{engine}: found that it failed\n{ended.stderr[-3000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--engine", choices=ENGINES)
    engine = arguments.parse_args().engine
    if engine is not None:
        runs = {"assay": run_assay, "bare": run_bare}
        print(json.dumps(runs[engine]() if engine in runs else run_peer(engine)))
        return
    told = {name: measured(name) for name in ENGINES}
    rates = {name: one["tokens"] / one["seconds"] for name, one in told.items()}
    for name, rate in rates.items():
        print(f"{name:8} {rate:8.0f} tokens per second of one processor, {told[name]['steps']:.0f} steps")
    goals = [
        (
            f"{rates['assay'] / rates['trl']:.2f} of TRL's tokens per second, at least {GOAL_UNPACKED}",
            rates["assay"] >= GOAL_UNPACKED * rates["trl"],
        ),
        (
            f"{rates['bare'] / rates['assay']:.3f} of the bare loop's time, at most {GOAL_OVERHEAD}",
            rates["bare"] <= GOAL_OVERHEAD * rates["assay"],
        ),
    ]
    for goal, met in goals:
        print(f"{'met' if met else 'NOT MET'}: {goal}")
    sys.exit(not all(met for _, met in goals))


if __name__ == "__main__":
    main()
