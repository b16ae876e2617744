"""From a stage's spec to its outcomes: every task, for every checkpoint asked for, in one process."""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import datasets  # type: ignore[import-untyped]

from assay.api.clean import RefusalLevel
from assay.api.execution import InferenceExecution
from assay.artifacts.outputs import OUTCOMES
from assay_pipelines.dataset import Chat, chats_of
from assay_pipelines.evaluate import harness, likelihood, rates
from assay_pipelines.evaluate.choices import choice_task, read_items
from assay_pipelines.evaluate.harness import HarnessTask, load_task
from assay_pipelines.evaluate.likelihood import Text
from assay_pipelines.evaluate.outcomes import Measured, summary, write_outcomes
from assay_pipelines.evaluate.rates import Answer
from assay_pipelines.inference import LoadedModel, labels_asked, models_asked
from assay_pipelines.stage import StageRun

Measure = Callable[[LoadedModel], Measured]


def evaluate(run: StageRun) -> dict[str, Any]:
    """Carry out an evaluate stage and return its figures.

    Raises:
        StageError: the model, a benchmark or the answers are unfit; see the measures.

    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    if not os.environ.keys() & {"HF_HOME", "HF_DATASETS_CACHE"}:
        datasets.config.HF_DATASETS_CACHE = run.scratch / "datasets"
    measured: list[Measured] = []
    by_model: list[tuple[str, Measure]] = []
    for task in run.spec["tasks"]:
        if "refusalRate" in task:
            measured += _refusals(run, task)
        else:
            by_model.append((task["name"], _measure(run, task)))
    if by_model:
        measured += _by_checkpoint(run, by_model)
    write_outcomes(run.output / OUTCOMES, measured)
    return summary(measured)


def _by_checkpoint(run: StageRun, tasks: Sequence[tuple[str, Measure]]) -> list[Measured]:
    measured: list[Measured] = []
    total = len(labels_asked(run)) * len(tasks)
    for loaded in models_asked(run):
        for name, measure in tasks:
            run.progress(
                f"evaluate: {name}, {loaded.label}", done=len(measured), total=total, unit="measures"
            )
            measured.append(measure(loaded))
    return measured


def _measure(run: StageRun, task: dict[str, Any]) -> Measure:
    """Read all that a task needs, so that a fault in it shows before any model is loaded."""
    name, batch = task["name"], InferenceExecution.model_validate(run.execution).batch
    if "bitsPerByte" in task:
        data = task["bitsPerByte"]["data"]
        chats = chats_of(run, data["from"], split=data.get("split"))
        return lambda loaded: likelihood.measure(name, _texts(chats, loaded), loaded, batch=batch)
    asked = _choices(run, task) if "multipleChoice" in task else _harness(run, task)
    return lambda loaded: harness.measure(asked, loaded, batch=batch, seed=run.spec["seed"])


def _choices(run: StageRun, task: dict[str, Any]) -> HarnessTask:
    name, asked = task["name"], task["multipleChoice"]
    items = read_items(run.outside(asked["data"]), where=f"task {name}", limit=asked.get("limit"))
    shots = (
        read_items(run.outside(asked["fewShot"]), where=f"task {name}, fewShot") if "fewShot" in asked else []
    )
    return HarnessTask(name=name, parts={name: choice_task(name, items, shots)}, cutting=False)


def _harness(run: StageRun, task: dict[str, Any]) -> HarnessTask:
    asked = task.get("harness", {})
    config = run.outside(asked["config"])[0] if "config" in asked else None
    return load_task(
        task["name"],
        task=asked.get("task"),
        config=config,
        few_shot=asked.get("fewShot"),
        limit=asked.get("limit"),
    )


def _refusals(run: StageRun, task: dict[str, Any]) -> list[Measured]:
    asked = task["refusalRate"]
    answers = [
        Answer(
            prompt_id=chat.meta["prompt"],
            prompt=tuple((turn.role, turn.content) for turn in chat.messages[:-1]),
            text=chat.messages[-1].content,
            checkpoint=chat.meta["checkpoint"],
        )
        for chat in chats_of(run, asked["answers"])
    ]
    return rates.measure(task["name"], answers, level=RefusalLevel(asked["level"]))


def _texts(chats: Sequence[Chat], loaded: LoadedModel) -> list[Text]:
    """Documents as they are, and chats as the model reads them."""
    if not all(chat.is_text for chat in chats):
        loaded.require_template()
    return [
        Text(id=chat.id, text=chat.messages[0].content if chat.is_text else _written(chat, loaded))
        for chat in chats
    ]


def _written(chat: Chat, loaded: LoadedModel) -> str:
    """Write a chat by the model's template, without the token that every text is started with anyway."""
    text: str = loaded.tokenizer.apply_chat_template(chat.turns(), tokenize=False)
    return text.removeprefix(loaded.tokenizer.bos_token or "")
