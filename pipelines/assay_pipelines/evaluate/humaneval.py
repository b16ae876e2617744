"""lm-evaluation-harness' HumanEval: it asks, reads and cuts answers as it does there, and what was answered runs in our sandbox.

The harness' own functions of this task are in a module that loads a metric which runs code in this process, so the two
that make programs of answers stand here.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]
import lm_eval.tasks  # type: ignore[import-untyped]
from lm_eval.api.task import ConfigurableTask  # type: ignore[import-untyped]
from lm_eval.tasks._yaml_loader import load_yaml  # type: ignore[import-untyped]

from assay.api.evaluate import Harness
from assay_pipelines.evaluate.harness import HarnessTask, Sample, ask, set_few_shot, tokens_of
from assay_pipelines.evaluate.problems import problems_of
from assay_pipelines.evaluate.samples import ids_of, outcome_of, unit_of
from assay_pipelines.evaluate.work import Work
from assay_pipelines.inference import LoadedModel
from assay_pipelines.outcomes import Measured
from assay_pipelines.sandbox.programs import Limits, Program, Reason
from assay_pipelines.sandbox.run import run_programs

_FOLDER = Path(lm_eval.tasks.__file__).parent / "humaneval"
_FIELDS = ("task_id", "prompt", "canonical_solution", "test", "entry_point")  # as on the hub: hashes read it
_METRIC = "pass@1"
_FENCE = "```"


@dataclass(frozen=True, kw_only=True)
class HumanEval:
    """The task, and of how many answers one must pass, in each of its figures."""

    task: HarnessTask
    at: tuple[int, ...]


def load_humaneval(name: str, words: Harness, files: Sequence[Path]) -> HumanEval:
    """Find the task or its variant in the harness, over problems of these files.

    Raises:
        StageError: `BenchmarkMalformed`.

    """
    wanted = words.task or name
    problems = datasets.Dataset.from_list(problems_of(files, f"task {name}", _FIELDS))
    config = load_yaml(_FOLDER / f"{wanted}.yaml", resolve_func=False)
    [metric] = config["metric_list"]
    task = ConfigurableTask(
        config=config
        | {
            "custom_dataset": lambda **_: {"test": problems},
            "filter_list": [_with_functions(one) for one in config["filter_list"]],
            "metric_list": [],
            "process_results": lambda _doc, _results: {},
            "unsafe_code": False,  # nothing of it runs in this process
        }
    )
    set_few_shot(task, words.few_shot)
    return HumanEval(
        task=HarnessTask(name=name, parts={wanted: task}, limit=words.limit), at=tuple(metric["k"])
    )


def measure(asked: HumanEval, loaded: LoadedModel, work: Work, *, seed: int) -> Measured:
    """Ask one model, and run what it answered in the sandbox.

    Raises:
        StageError: `ContextTooSmall`, `SandboxUnavailable` or `SandboxLost`.

    """
    engine, parts = ask(asked.task, loaded, work, seed=seed)
    [samples] = parts.values()
    ended = run_programs([one for sample in samples for one in programs(sample)], Limits())
    tokens = [tokens_of(sample, engine) for sample in samples]
    found = measured(asked, loaded.label, samples, [one.reason for one in ended], tokens)
    return replace(found, truncated=len(engine.cut))


def programs(sample: Sample) -> list[Program]:
    """Make a module of each answer to a problem, beside the tests of its function."""
    doc = sample["doc"]
    return [
        Program(
            id=f"{doc['task_id']}#{number}",
            text=text,
            entry_point=doc["entry_point"],
            tests=sample["target"],
            given=doc["prompt"],
        )
        for number, text in enumerate(_modules(sample))
    ]


def measured(
    asked: HumanEval,
    checkpoint: str,
    samples: Sequence[Sample],
    ended: Sequence[Reason],
    tokens: Sequence[int],
) -> Measured:
    """Score all answers by what became of their programs: an item's outcome is the share that passed."""
    left = iter(ended)
    passed = [[next(left) is Reason.PASSED for _ in _modules(sample)] for sample in samples]
    return Measured(
        task=asked.task.name,
        checkpoint=checkpoint,
        outcomes=tuple(
            outcome_of(
                sample | {_METRIC: pass_at(1, verdicts), "filtered_resps": _modules(sample)},
                _METRIC,
                doc_id=item,
                tokens=read,
            )
            for item, sample, verdicts, read in zip(ids_of(samples), samples, passed, tokens, strict=True)
        ),
        unit=unit_of(_METRIC),
        higher_is_better=True,
        beside={
            "ended": dict(sorted(Counter(map(str, ended)).items())),
            **{
                f"pass@{k}": math.fsum(pass_at(k, verdicts) for verdicts in passed) / len(passed)
                for k in asked.at
                if k > 1
            },
        },
    )


def pass_at(k: int, passed: Sequence[bool]) -> float:
    """Return how likely one of `k` answers drawn from these passes."""
    return 1 - math.comb(passed.count(False), k) / math.comb(len(passed), k)


def _modules(sample: Sample) -> list[str]:
    [texts] = sample["filtered_resps"]  # of the one request for an item
    return list(texts)


def _with_functions(filters: dict[str, Any]) -> dict[str, Any]:
    """Put our functions in the place of the harness', which the YAML names by file."""
    return filters | {
        "filter": [
            step | {"filter_fn": _FUNCTIONS[step["filter_fn"].rpartition(".")[2]]}
            for step in filters["filter"]
        ]
    }


def _built(answers: Sequence[Sequence[str]], docs: Sequence[dict[str, str]]) -> list[list[str]]:
    return [[doc["prompt"] + text for text in texts] for texts, doc in zip(answers, docs, strict=True)]


def _built_of_fenced(answers: Sequence[Sequence[str]], docs: Sequence[dict[str, str]]) -> list[list[str]]:
    return _built([[text.partition(_FENCE)[0] for text in texts] for texts in answers], docs)


_FUNCTIONS = {"build_predictions": _built, "build_predictions_instruct": _built_of_fenced}
