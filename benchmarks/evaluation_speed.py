"""How fast evaluations are beside lm-evaluation-harness' own engine: `make benchmark-evaluation DATA=folder`.

The data folder holds the published files of MMLU (`mmlu/dev`, `mmlu/test`, from github.com/hendrycks/test) and GSM8K
(`gsm8k/train.jsonl`, `gsm8k/test.jsonl`, from github.com/openai/grade-school-math): questions do not lie in this repository, so
that no model learns them from it. Of MMLU, 300 items are drawn once and for all, five examples before each; of GSM8K the
first questions, five examples before each, and the model writes after them. Each engine gets the same tasks, model, precision (fp32),
batch and two threads, in a process of its own.

What counts is the processor's time, which other work on the machine lengthens less than the clock. Where predictions differ, it is
one that two choices within the tolerance explain, or the goal is missed; each is listed.
"""

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import torch
from _goals import end
from lm_eval import evaluator
from lm_eval.api.task import ConfigurableTask
from lm_eval.models.huggingface import HFLM

from assay.artifacts.documents import Attempt, StageDocument
from assay.artifacts.kinds import SEMANTICS, Kind
from assay.stores.folder import FolderStore
from assay_pipelines.evaluate.choices import Item, choice_task
from assay_pipelines.evaluate.engine import TOLERANCE, Engine
from assay_pipelines.evaluate.work import Work
from assay_pipelines.inference import load_model
from assay_pipelines.offline import stay_offline
from assay_pipelines.stage import StageRun

THREADS, BATCH, SHOTS, ITEMS, WRITTEN, LONGEST = 2, 8, 5, 300, 24, 96
GOAL_CHOICES, GOAL_WRITING = 3.0, 1.0
ENGINES = ("lm-eval", "assay")


def mmlu(folder: Path, count: int):
    """Return one task per subject: the first so many of 300 items that were drawn from all test files, subject by subject."""
    every = [
        (path.name.removesuffix("_test.csv"), place, row)
        for path in sorted((folder / "test").glob("*_test.csv"))
        for place, row in enumerate(csv.reader(path.open(encoding="utf-8")))
    ]
    drawn = sorted(random.Random(0).sample(every, ITEMS))[:count]
    tasks = {}
    for subject in sorted({subject for subject, _, _ in drawn}):
        shots = list(csv.reader((folder / "dev" / f"{subject}_dev.csv").open(encoding="utf-8")))[:SHOTS]
        items = [item(f"{subject}-{place}", row) for name, place, row in drawn if name == subject]
        tasks[subject] = choice_task(
            subject, items, [item(str(place), row) for place, row in enumerate(shots)]
        )
    return tasks


def item(name: str, row: list[str]) -> Item:
    """Return a row of MMLU as a question."""
    return Item(id=name, question=row[0], choices=tuple(row[1:5]), answer="ABCD".index(row[5]))


def gsm8k(folder: Path, count: int):
    """Return a task after whose prompts a model writes."""
    import datasets  # noqa: PLC0415 -- after the library has been told to stay offline

    lines = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()[:count]]
    shots = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()[:SHOTS]]
    docs = datasets.Dataset.from_list(lines)
    return ConfigurableTask(
        config={
            "task": "gsm8k",
            "custom_dataset": lambda **_: {"test": docs},
            "test_split": "test",
            "output_type": "generate_until",
            "doc_to_text": "Question: {{question}}\nAnswer:",
            "doc_to_target": "{{answer}}",
            "num_fewshot": SHOTS,
            "fewshot_config": {"sampler": "first_n", "samples": shots},
            "generation_kwargs": {"until": ["Question:"], "max_gen_toks": LONGEST, "do_sample": False},
            "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
        }
    )


def a_run(folder: Path) -> StageRun:
    """Return an attempt at an evaluation whose store is a folder."""
    stage = StageDocument(kind=Kind.EVALUATE, semantics=SEMANTICS[Kind.EVALUATE], spec={}, reads=())
    execution = {"batch": BATCH, "threads": THREADS}
    attempt = Attempt(
        number=1, owner="benchmark", claimed_at=datetime.now(UTC), execution=execution, locations={}
    )
    return StageRun(store=FolderStore(folder / "store"), stage=stage, attempt=attempt, scratch=folder)


def measured(arguments: argparse.Namespace) -> dict[str, object]:
    """Let one engine answer everything."""
    stay_offline()
    loaded = load_model("final", arguments.model, precision="fp32", threads=THREADS)
    told: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.engine == "assay":
            engine = Engine(loaded, Work(a_run(Path(folder))), cutting=True, seed=0)
        else:
            engine = HFLM(
                pretrained=loaded.model,
                tokenizer=loaded.tokenizer,
                batch_size=BATCH,
                max_length=loaded.context,
            )
        for name, tasks in (
            ("choices", mmlu(arguments.data / "mmlu", arguments.items)),
            ("writing", {"gsm8k": gsm8k(arguments.data / "gsm8k", arguments.written)}),
        ):
            torch.manual_seed(0)
            clock, processor = time.perf_counter(), time.process_time()
            results = evaluator.evaluate(engine, {"tasks": tasks, "groups": {}}, bootstrap_iters=0)
            told[name] = {
                "clock": time.perf_counter() - clock,
                "processor": time.process_time() - processor,
                "answers": {
                    f"{task}/{sample['doc_id']}": sample["filtered_resps"]
                    for task, samples in results["samples"].items()
                    for sample in samples
                },
            }
    return told


def in_a_process(engine: str, arguments: list[str]) -> dict[str, dict]:
    """Let an engine answer in a process of its own, whose threads do not spin while they wait."""
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS), "OMP_WAIT_POLICY": "PASSIVE"}
    ended = subprocess.run(
        [sys.executable, __file__, *arguments, "--engine", engine],
        capture_output=True,
        text=True,
        env=environment | {"TOKENIZERS_PARALLELISM": "false"},
        check=False,
    )
    if ended.returncode:
        sys.exit(f"{engine}: found that it failed\n{ended.stderr[-3000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


def differences(theirs: dict[str, list], ours: dict[str, list]) -> tuple[float, list[str], list[str]]:
    """Return how far likelihoods are apart, the predictions that differ, and those of them that are no near tie."""
    apart, flips, faults = 0.0, [], []
    for name, expected in theirs.items():
        one, other = ([likelihood for likelihood, _ in found] for found in (expected, ours[name]))
        apart = max(apart, *(abs(a - b) for a, b in zip(one, other, strict=True)))
        if one.index(max(one)) != other.index(max(other)):
            best, second = sorted(one, reverse=True)[:2]
            flips.append(f"{name}: the best two are {best - second:.1e} apart")
            if best - second > 2 * TOLERANCE:
                faults.append(name)
    return apart, flips, faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--written", type=int, default=WRITTEN)
    parser.add_argument("--engine", choices=ENGINES)
    arguments = parser.parse_args()
    if arguments.engine is not None:
        print(json.dumps(measured(arguments)))
        return
    told = {engine: in_a_process(engine, sys.argv[1:]) for engine in ENGINES}
    rates: dict[str, dict[str, float]] = {"choices": {}, "writing": {}}
    for kind, by_engine in rates.items():
        for engine in ENGINES:
            one = told[engine][kind]
            by_engine[engine] = len(one["answers"]) / one["processor"]
            print(
                f"{kind:8} {engine:8} {len(one['answers']):4} items {one['clock']:8.1f} s "
                f"{one['processor']:8.1f} s of processors {by_engine[engine]:8.3f} items/s of one"
            )
    theirs, ours = (told[engine]["choices"]["answers"] for engine in ENGINES)
    apart, flips, faults = differences(theirs, ours)
    for flip in flips:
        print(f"prediction differs, {flip}")
    theirs, ours = (told[engine]["writing"]["answers"] for engine in ENGINES)
    same = sum(ours[name] == text for name, text in theirs.items())
    print(f"{same} of {len(theirs)} texts that were written are the same")
    choices, writing = (by_engine["assay"] / by_engine["lm-eval"] for by_engine in rates.values())
    end(
        [
            (f"choices at {choices:.2f} of lm-eval's rate, at least {GOAL_CHOICES}", choices >= GOAL_CHOICES),
            (f"writing at {writing:.2f} of lm-eval's rate, at least {GOAL_WRITING}", writing >= GOAL_WRITING),
            (f"likelihoods at most {apart:.1e} apart, at most {TOLERANCE}", apart <= TOLERANCE),
            (f"{len(flips)} predictions differ, {len(faults)} of them without a near tie, none", not faults),
        ]
    )


if __name__ == "__main__":
    main()
