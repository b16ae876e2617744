"""How fast a training is beside TRL's SFTTrainer, transformers' Trainer and a bare loop: part of `make benchmark-training`.

One model, one set of chats as one list of tokens, one batch size, one optimizer and one thread, each engine in a process of
its own. What counts is the processor's time of a training's steps after the first ones, which other work on the machine
lengthens less than the clock: learned text per second of it, padding not counted. The bare loop takes our batches through the
same model, forward and backward, and steps torch's AdamW: what our loop takes beyond that is DeepSpeed and bookkeeping.

`--model FOLDER` measures one more model; `scripts/make_smollm2_folder.py` makes a small real one.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from _goals import end
from datasets import Dataset
from transformers import DataCollatorForSeq2Seq, Trainer, TrainerCallback, TrainingArguments

from assay.api.model import Llama
from assay.api.train import Train
from assay_pipelines.chats import Message, chats_table, write_rows
from assay_pipelines.train.dataset import StoredChats
from assay_pipelines.train.documents import join_documents
from assay_pipelines.train.engine import Engine, Place, join
from assay_pipelines.train.examples import sft_examples
from assay_pipelines.train.layout import lay_out
from assay_pipelines.train.loop import Loop, rounds_of
from assay_pipelines.train.network import Network, load_network, new_llama, parameter_groups
from assay_pipelines.train.timetable import make_timetable
from assay_pipelines.train.vocabulary import load_tokenizer, train_tokenizer

ROOT = Path(__file__).parents[1]
GOAL_UNPACKED, GOAL_PACKED = 1.1, 1.0  # of TRL's tokens per second
GOAL_OVERHEAD = 1.05  # of the bare loop's time
GOAL_START = 15.0  # seconds of the processor to the end of the first step
GOAL_PAUSE = 0.05  # of a step, that a checkpoint stops it
GOAL_MEMORY = 300  # bytes held for a chat, however long: its id, its length
FEW, MANY = 5_000, 80_000  # chats, between which memory is compared
THREADS = 1


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is trained, and how much of it."""

    model: str = ""  # a folder; none: 5.8 million weights at random
    packed: bool = False

    @property
    def name(self) -> str:
        """What the table calls it."""
        return f"{Path(self.model).name or '5.8 M Llama'}, {'packed' if self.packed else 'unpacked'}"

    @property
    def size(self) -> tuple[int, int, int, int]:
        """Return sequences per step and per micro-batch, tokens of a sequence, and steps; of these the first are not timed."""
        return (4, 2, 256, 6) if self.model else (16, 8, 512, 23)

    @property
    def skipped(self) -> int:
        """Steps that are not timed."""
        return 1 if self.model else 3


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


def prepared(case: Case):
    """Return the model, its tokenizer and the examples, the same in every process."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    batch, _, length, steps = case.size
    some = chats(batch * steps * (6 if case.packed else 1))
    if case.model:
        folder = Path(case.model)
        tokenizer = load_tokenizer(folder, folder.name)
        model = load_network(folder, folder.name, tokenizer)
    else:
        tokenizer = train_tokenizer((text for chat in some for _, text in chat), 4096)
        shape = Llama.model_validate(
            {"hiddenSize": 256, "layers": 6, "heads": 4, "context": length, "tieEmbeddings": True}
        )
        model = new_llama(shape, tokenizer)
    rows = ((f"{number:06d}", [Message(*turn) for turn in chat]) for number, chat in enumerate(some))
    return model, tokenizer, sft_examples(rows, tokenizer, tokenizer.writer("chatml"), length)


class Clock:
    """The processor's time and the tokens of the steps that are timed."""

    def __init__(self, case: Case) -> None:
        self.skipped, self.last = case.skipped, case.size[3]
        self.steps, self.tokens, self.first, self.began, self.ended = 0, 0, 0.0, 0.0, 0.0

    def step(self, tokens: int) -> None:
        """Take note of a step that has ended."""
        now = time.process_time()
        self.steps += 1
        if self.steps == 1:
            self.first = now
        if self.steps == self.skipped:
            self.began = now
        if self.skipped < self.steps <= self.last:
            self.tokens += tokens
            self.ended = now

    def told(self) -> dict[str, float]:
        """Return what was measured."""
        timed = min(self.steps, self.last) - self.skipped
        return {
            "seconds": self.ended - self.began,
            "tokens": self.tokens,
            "steps": timed,
            "first": self.first,
        }


def a_loop(case: Case):
    """Return our loop with nothing around it."""
    model, _, examples = prepared(case)
    batch, micro, length, _ = case.size
    train = Train.model_validate(
        {
            "data": {"from": "chats"},
            "model": {"from": "base"},
            "batchSize": batch,
            "batchUnit": "packedSequences" if case.packed else "examples",
            "epochs": 1,
            "optimizer": {"lr": 1e-4, "gradientClip": 1.0},
            "sequenceLength": length,
            "precision": "fp32",
        }
    )
    place = Place()
    join(place)
    if case.packed:
        join_documents(model, case.name)
    engine = Engine(Network(model.train(), torch.float32), place, train.optimizer, 0)
    timetable = make_timetable(train, examples.ids, examples.lengths, None)
    return Loop(engine=engine, examples=examples, timetable=timetable, place=place, micro_batch=micro), train


def run_assay(case: Case) -> dict[str, float]:
    """Measure our loop, and what a checkpoint stops it for."""
    loop, _ = a_loop(case)
    clock = Clock(case)
    for step in range(min(loop.timetable.steps, case.size[3])):
        clock.step(loop.step(step).tokens)
    began = time.process_time()
    kept = [weight.to("cpu", copy=True) for _, weight in loop.engine.weights()]
    return clock.told() | {"pause": time.process_time() - began, "kept": len(kept)}


def run_bare(case: Case) -> dict[str, float]:
    """Measure forward, backward and AdamW on our batches."""
    loop, train = a_loop(case)
    model, _, examples = prepared(case)
    network = Network(model.train(), torch.float32)
    adamw = torch.optim.AdamW(
        parameter_groups(network, 0.0),
        lr=1e-4,
        betas=train.optimizer.betas,
        eps=train.optimizer.eps,
        fused=True,
    )
    clock = Clock(case)
    for step in range(min(loop.timetable.steps, case.size[3])):
        rows = loop.timetable.rows_at(step)
        targets = int(examples.targets[rows].sum())
        for [part] in rounds_of(rows, examples.lengths, micro_batch=case.size[1], world=1):
            batch = lay_out(examples, [part[at : at + 1] for at in range(len(part))], torch.device("cpu"))
            (network(*batch) / targets).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adamw.step()
        adamw.zero_grad()
        clock.step(int(examples.lengths[rows].sum()))
    return clock.told()


def run_peer(case: Case, name: str) -> dict[str, float]:
    """Measure TRL's SFTTrainer or transformers' Trainer on the same tokens and masks."""
    model, tokenizer, examples = prepared(case)
    batch, micro, length, steps = case.size
    bounds = list(zip(examples.offsets, examples.offsets[1:], strict=False))
    ids = [examples.tokens[begin:stop].tolist() for begin, stop in bounds]
    masks = [examples.learned[begin:stop].astype(int).tolist() for begin, stop in bounds]
    clock = Clock(case)
    of_a_step = 0.0

    class Watch(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            clock.step(of_a_step)

    common = {
        "output_dir": tempfile.mkdtemp(),
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": batch // micro,
        "max_steps": steps,
        "learning_rate": 1e-4,
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

        settings = SFTConfig(
            **common,
            max_length=length,
            completion_only_loss=True,
            packing=case.packed,
            gradient_checkpointing=False,
        )
        trainer = SFTTrainer(
            model,
            args=settings,
            train_dataset=Dataset.from_dict({"input_ids": ids, "completion_mask": masks}),
            processing_class=tokenizer.fast,
            callbacks=[Watch()],
        )
    else:
        labels = [
            [token if mask else -100 for token, mask in zip(*pair, strict=True)]
            for pair in zip(ids, masks, strict=True)
        ]
        trainer = Trainer(
            model,
            args=TrainingArguments(**common),
            train_dataset=Dataset.from_dict({"input_ids": ids, "labels": labels}),
            data_collator=DataCollatorForSeq2Seq(tokenizer.fast, padding=True),
            callbacks=[Watch()],
        )
    rows = trainer.train_dataset
    of_a_step = sum(map(len, rows["input_ids"])) / len(rows) * batch
    trainer.train()
    return clock.told()


def held(file: str) -> dict[str, float]:
    """Return the bytes that this process holds by itself when the chats of a file have become examples."""
    tokenizer = train_tokenizer((text for chat in chats(200) for _, text in chat), 4096)
    examples = sft_examples(StoredChats(Path(file)), tokenizer, tokenizer.writer("chatml"), 512)
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {"bytes": int(status["RssAnon"].split()[0]) * 1024, "tokens": len(examples.tokens)}


def memory() -> tuple[str, bool]:
    """Compare what a training holds of few chats and of many."""
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        for count in (FEW, MANY):
            path = f"{folder}/{count}.parquet"
            write_rows(Path(path), [chats_table("chats", ((chat, {}) for chat in chats(count)))])
            sizes.append(in_a_process("--memory", path)["bytes"])
    share = (sizes[1] - sizes[0]) / (MANY - FEW)
    print(f"{MANY} chats: {sizes[1] / 2**20:.0f} MiB held; {FEW}: {sizes[0] / 2**20:.0f} MiB")
    return f"{share:.0f} bytes held for a further chat, at most {GOAL_MEMORY}", share <= GOAL_MEMORY


ENGINES = {
    "assay": run_assay,
    "bare loop": run_bare,
    "TRL": lambda case: run_peer(case, "trl"),
    "Trainer": lambda case: run_peer(case, "trainer"),
}


def measured(case: Case, engine: str) -> dict[str, float]:
    """Let an engine train in a process of its own."""
    packed = ["--packed"] if case.packed else []
    return in_a_process("--engine", engine, "--model", case.model, *packed)


def in_a_process(*arguments: str) -> dict[str, float]:
    """Call this program for one figure."""
    ended = subprocess.run(
        [sys.executable, __file__, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(THREADS), "TOKENIZERS_PARALLELISM": "false"},
        check=False,
    )
    if ended.returncode:
        sys.exit(f"{' '.join(arguments)}: found that it failed\n{ended.stderr[-3000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


def compare(case: Case) -> list[tuple[str, bool]]:
    """Print a case's rows of the table; return its goals."""
    alone = case == Case()
    told = {name: measured(case, name) for name in ENGINES if alone or name in {"assay", "TRL"}}
    rates = {name: one["tokens"] / one["seconds"] for name, one in told.items()}
    for name, rate in rates.items():
        print(f"{case.name:32} {name:10} {rate:8.0f} tokens per second of one processor", flush=True)
    least = GOAL_PACKED if case.packed else GOAL_UNPACKED
    ratio = rates["assay"] / rates["TRL"]
    goals = [(f"{case.name}: {ratio:.2f} of TRL's tokens per second, at least {least}", ratio >= least)]
    if alone:
        ours = told["assay"]
        step = ours["seconds"] / ours["steps"]
        overhead = rates["bare loop"] / rates["assay"]
        goals += [
            (f"{overhead:.3f} of the bare loop's time, at most {GOAL_OVERHEAD}", overhead <= GOAL_OVERHEAD),
            (
                f"first step after {ours['first']:.1f} s of the processor, at most {GOAL_START:.0f}",
                ours["first"] <= GOAL_START,
            ),
            (
                f"a checkpoint stops training for {ours['pause'] / step:.3f} of a step, at most {GOAL_PAUSE}",
                ours["pause"] <= GOAL_PAUSE * step,
            ),
        ]
    return goals


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--engine", choices=ENGINES, help="measure this one only, in this process")
    arguments.add_argument("--model", default="", help="a model folder")
    arguments.add_argument("--packed", action="store_true")
    arguments.add_argument("--memory", help="tell what the chats of this file take, and nothing else")
    given = arguments.parse_args()
    if given.engine is not None:
        case = Case(model=given.model, packed=given.packed)
        print(json.dumps(ENGINES[given.engine](case)))
        return
    if given.memory:
        print(json.dumps(held(given.memory)))
        return
    models = ["", given.model] if given.model else [""]
    end(
        [
            goal
            for model in models
            for packed in (False, True)
            for goal in compare(Case(model=model, packed=packed))
        ]
        + [memory()]
    )


if __name__ == "__main__":
    main()
