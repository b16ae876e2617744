"""lm-evaluation-harness as a library: its tasks, and its outcomes item by item."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]
from lm_eval import evaluator  # type: ignore[import-untyped]
from lm_eval.api.metrics import mean  # type: ignore[import-untyped]
from lm_eval.api.task import ConfigurableTask, Task  # type: ignore[import-untyped]
from lm_eval.tasks import TaskManager  # type: ignore[import-untyped]
from lm_eval.tasks._yaml_loader import load_yaml  # type: ignore[import-untyped]

from assay.api.evaluate import Harness
from assay.errors import StageError
from assay_pipelines.evaluate.engine import TOLERANCE, Engine
from assay_pipelines.evaluate.reading import lines_of, malformed, object_of
from assay_pipelines.evaluate.samples import ROLLING, first_filter, ids_of, outcome_of, unit_of
from assay_pipelines.evaluate.work import Work
from assay_pipelines.inference import LoadedModel
from assay_pipelines.outcomes import Measured, Outcome, hashed

Sample = dict[str, Any]  # what the harness logs of an item


@dataclass(frozen=True, kw_only=True)
class HarnessTask:
    """A name of ours over one or more tasks of the harness."""

    name: str
    parts: dict[str, Task]  # the harness' names; more than one where it names a group
    limit: int | None = None
    cutting: bool = True  # whether a prompt may be cut to the context, as the harness does


def load_task(name: str, asked: Harness, *, config: Path | None, items: Sequence[Path] = ()) -> HarnessTask:
    """Find a task of the harness by its name there, or in a YAML file of one's own, which may be over items of one's own.

    Raises:
        StageError: `BenchmarkUnavailable`, `BenchmarkMalformed` or `CodeExecutionNotAllowed`.

    """
    where = f"task {name}"
    wanted = asked.task or name
    manager = TaskManager(include_defaults=config is None)
    if config is None and wanted not in manager.all_tasks:
        raise StageError(
            "BenchmarkUnavailable",
            where,
            f"found no task {wanted!r} in lm-evaluation-harness, expected one",
            "Correct the name (`lm-eval ls tasks`), or give the task's own YAML as harness.config.",
        )
    try:
        parts = (
            {wanted: _over(items, config, where)}
            if config is not None and items
            else dict(manager.load(wanted if config is None else str(config))["tasks"])
        )
    except StageError:
        raise
    except _ABSENT as error:
        raise StageError(
            "BenchmarkUnavailable",
            where,
            f"found no data for {wanted!r} here ({_first_line(error)}), expected it without a hub",
            "Give the questions as a multipleChoice file, or a YAML over local data, or let the profile allow the hub.",
        ) from error
    except Exception as error:  # a YAML of someone's own can fail in any way
        raise StageError(
            "BenchmarkMalformed",
            where,
            f"found {type(error).__name__}: {_first_line(error)}, expected a task of lm-evaluation-harness",
            "Mend the task's YAML.",
        ) from error
    for part, found in parts.items():
        if getattr(found, "UNSAFE_CODE", False):
            raise StageError(
                "CodeExecutionNotAllowed",
                f"{where} ({part})",
                "found a task that runs model-written code, expected none",
                "Leave it out: the harness would run it in this process, outside the sandbox.",
            )
        set_few_shot(found, asked.few_shot)
    return HarnessTask(name=name, parts=parts, limit=asked.limit)


def _over(items: Sequence[Path], config: Path, where: str) -> Task:
    """Make a YAML's task over these items, whatever data it names itself.

    Raises:
        StageError: `BenchmarkMalformed`: a line is no JSON object, or there is none.

    """
    docs = [object_of(line, place) for place, line in lines_of(items, where)]
    if not docs:
        raise malformed(where, "no items", "at least one")
    dataset = datasets.Dataset.from_list(docs)
    own = {"custom_dataset": lambda **_: {"test": dataset}, "test_split": "test"}
    return ConfigurableTask(config=load_yaml(config) | own)


def set_few_shot(task: Task, number: int | None) -> None:
    """Say how many examples come before each question; None leaves it to the task."""
    if number is not None:
        task.set_config(key="num_fewshot", value=number)
    elif task.get_config("num_fewshot") is None:
        task.set_config(key="num_fewshot", value=0)


def ask(
    task: HarnessTask, loaded: LoadedModel, work: Work, *, seed: int
) -> tuple[Engine, dict[str, list[Sample]]]:
    """Ask one model one task, and return what the harness says of each item of each part.

    Raises:
        StageError: `ContextTooSmall` or `ModelNotFinite`.

    """
    engine = Engine(loaded, work, cutting=task.cutting, seed=seed)
    for part in task.parts.values():
        part.set_fewshot_seed(seed=seed)
    results = evaluator.evaluate(
        engine,
        {"tasks": task.parts, "groups": {}},
        limit=task.limit,
        bootstrap_iters=0,
        log_samples=True,
    )
    return engine, results["samples"]


def measure(task: HarnessTask, loaded: LoadedModel, work: Work, *, seed: int) -> Measured:
    """Ask one model one task, and score it by the harness.

    Raises:
        StageError: as `ask`, or `BenchmarkMalformed`: no metric is a mean over items.

    """
    engine, answered = ask(task, loaded, work, seed=seed)
    outcomes: list[Outcome] = []
    chances: list[float] = []
    near: list[str] = []
    metrics = {}
    for name, part in task.parts.items():
        samples = first_filter(answered[name])
        metrics[name] = _metric(task.name, part, samples)
        prefix = f"{name}/" if len(task.parts) > 1 else ""
        asked = [
            as_shown(
                outcome_of(sample, metrics[name], doc_id=f"{prefix}{item}", tokens=tokens_of(sample, engine)),
                sample,
                engine,
            )
            for item, sample in zip(ids_of(samples), samples, strict=True)
        ]
        outcomes += asked
        if part.OUTPUT_TYPE == "multiple_choice":
            chances += [1 / len(sample["filtered_resps"]) for sample in samples]
            near += [
                outcome.doc_id
                for outcome, sample in zip(asked, samples, strict=True)
                if _is_near_tie(sample["filtered_resps"])
            ]
    metric = metrics[next(iter(metrics))]
    return Measured(
        task=task.name,
        checkpoint=loaded.label,
        outcomes=tuple(outcomes),
        unit=unit_of(metric),
        higher_is_better=next(iter(task.parts.values())).higher_is_better().get(metric),
        chance=math.fsum(chances) / len(chances) if len(chances) == len(outcomes) else None,
        truncated=len(engine.cut),
        near_ties=tuple(sorted(near)),
    )


# What datasets and huggingface_hub raise when data is neither local nor allowed to be fetched.
_ABSENT = (
    ConnectionError,
    FileNotFoundError,
    datasets.exceptions.DatasetNotFoundError,
    datasets.exceptions.DatasetsError,
)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _metric(where: str, task: Task, samples: Sequence[Sample]) -> str:
    """Choose the figure that stands for the task: the first that is a mean over its items."""
    declared = {name: how for name, how in task.aggregation().items() if name in samples[0]["metrics"]}
    for name, how in declared.items():
        if name == ROLLING or how is mean:
            return str(name)
    raise StageError(
        "BenchmarkMalformed",
        f"task {where}",
        f"found no metric that is a mean over items among {', '.join(declared)}, expected one",
        "Give the task such a metric, as acc, exact_match or bits_per_byte.",
    )


def tokens_of(sample: Sample, engine: Engine) -> int:
    """Count what the model read and wrote for an item: its prompt once, and every continuation."""
    prompts: dict[str, int] = {}
    written = 0
    for arguments, answers in zip(sample["arguments"], sample["resps"], strict=True):
        prompts[arguments[0]], more = engine.lengths(arguments, answers)
        written += more
    return sum(prompts.values()) + written


def as_shown(outcome: Outcome, sample: Sample, engine: Engine) -> Outcome:
    """Let the hash of a prompt that was cut say what was left of it: the harness' own is of the whole."""
    prompts = {arguments[0] for arguments in sample["arguments"]} & engine.cut
    if not prompts:
        return outcome
    left = [engine.tok_encode(prompt)[-engine.max_length :] for prompt in sorted(prompts)]
    return replace(outcome, prompt_hash=hashed([outcome.prompt_hash, left]))


def _is_near_tie(choices: Sequence[tuple[float, bool]]) -> bool:
    """Whether another batch, or another machine, may find another choice the likeliest: both may move."""
    likelihoods = sorted((likelihood for likelihood, _ in choices), reverse=True)
    return len(likelihoods) > 1 and likelihoods[0] - likelihoods[1] <= 2 * TOLERANCE
