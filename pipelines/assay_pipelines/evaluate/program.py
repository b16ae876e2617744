"""From a stage's spec to its outcomes: every task, for every checkpoint asked for, in one process of a pod."""

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import datasets  # type: ignore[import-untyped]

from assay.api.evaluate import (
    BitsPerByte,
    Divergence,
    Evaluate,
    Harness,
    InstructEval,
    LabelRate,
    MultipleChoice,
    RefusalRate,
    Task,
)
from assay.artifacts.outputs import OUTCOMES
from assay_pipelines.classifier import classifier_of
from assay_pipelines.dataset import chats_of
from assay_pipelines.evaluate import divergence, harness, humaneval, likelihood, ngrams, rates
from assay_pipelines.evaluate.choices import choice_task, read_items
from assay_pipelines.evaluate.divergence import Pair
from assay_pipelines.evaluate.harness import HarnessTask, load_task
from assay_pipelines.evaluate.imported import read_imported
from assay_pipelines.evaluate.instructeval.asking import ask
from assay_pipelines.evaluate.instructeval.benchmarks import BENCHMARKS
from assay_pipelines.evaluate.instructeval.items import Asked
from assay_pipelines.evaluate.rates import Answer
from assay_pipelines.evaluate.texts import texts_of
from assay_pipelines.evaluate.work import NotNeeded, Work
from assay_pipelines.inference import LoadedModel, answering, labels_asked, load_model, models_asked
from assay_pipelines.models import model_folder
from assay_pipelines.outcomes import Measured, summary, write_outcomes
from assay_pipelines.sandbox.run import check_allowed
from assay_pipelines.stage import StageRun

Measure = Callable[[LoadedModel, Work], Measured]


def evaluate(run: StageRun) -> dict[str, Any]:
    """Carry out an evaluate stage, or read what was measured elsewhere, and return its figures.

    Raises:
        StageError: the model, a benchmark or the answers are unfit; see the measures.

    """
    if "samples" in run.spec:
        return read_imported(run)
    work = Work(run)
    measured = _all(run, work)
    run.measured(**work.figures())
    write_outcomes(run.output / OUTCOMES, measured)
    return summary(measured)


def help_out(run: StageRun) -> dict[str, Any]:
    """Work on a pod's share of an evaluate stage, which the first pod takes up; as `evaluate`."""
    with contextlib.suppress(NotNeeded):
        if "samples" not in run.spec:
            _all(run, Work(run))
    return {}


def _all(run: StageRun, work: Work) -> list[Measured]:
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    if not os.environ.keys() & {"HF_HOME", "HF_DATASETS_CACHE"}:
        datasets.config.HF_DATASETS_CACHE = run.scratch / "datasets"
    words = run.words(Evaluate)
    measured: list[Measured] = []
    by_model: list[tuple[str, Measure]] = []
    for number, task in enumerate(words.tasks):
        if task.refusal_rate is not None or task.label_rate is not None:
            with work.measure(f"evaluate: {task.name}", number, len(words.tasks)):
                measured += _rates(run, task, work)
        else:
            by_model.append((task.name, _measure(run, task, words.seed)))
    if by_model:
        measured += _by_checkpoint(run, words, by_model, work)
    return measured


def _by_checkpoint(
    run: StageRun, words: Evaluate, tasks: Sequence[tuple[str, Measure]], work: Work
) -> list[Measured]:
    measured: list[Measured] = []
    total = len(labels_asked(run, words)) * len(tasks)
    places = count()
    for loaded in models_asked(run, words):
        for name, measure in tasks:
            with work.measure(f"evaluate: {name}, {loaded.label}", next(places), total):
                measured.append(measure(loaded, work))
    return measured


def _measure(run: StageRun, task: Task, seed: int) -> Measure:
    """Read all that a task needs, so that a fault in it shows before any model is loaded."""
    name = task.name
    if task.bits_per_byte is not None:
        return _bits_per_byte(run, name, task.bits_per_byte)
    if task.divergence is not None:
        return _divergence(run, name, task.divergence)
    if task.instructeval is not None:
        return _instructeval(run, name, task.instructeval, seed)
    if task.harness is not None and task.harness.data is not None and task.harness.config is None:
        return _humaneval(run, name, task.harness, task.harness.data, seed)
    choices = task.multiple_choice
    asked = _harness(run, name, task.harness) if choices is None else _choices(run, name, choices)
    return lambda loaded, work: harness.measure(asked, loaded, work, seed=seed)


def _choices(run: StageRun, name: str, asked: MultipleChoice) -> HarnessTask:
    items = read_items(run.outside(asked.data), where=f"task {name}", limit=asked.limit)
    shots = read_items(run.outside(asked.few_shot), where=f"task {name}, fewShot") if asked.few_shot else []
    return HarnessTask(name=name, parts={name: choice_task(name, items, shots)}, cutting=False)


def _instructeval(run: StageRun, name: str, words: InstructEval, seed: int) -> Measure:
    benchmark = BENCHMARKS[words.benchmark]
    if benchmark.runs_code:
        check_allowed(run.execution, f"task {name}")
    items = benchmark.read(run.outside(words.data), f"task {name}", words.limit)
    asked = Asked(
        task=name,
        benchmark=benchmark,
        items=items,
        form=words.prompt_format,
        samples=words.samples,
        seed=seed,
    )
    return lambda loaded, work: benchmark.score(asked, loaded.label, ask(asked, loaded, work))


def _humaneval(run: StageRun, name: str, words: Harness, data: str, seed: int) -> Measure:
    check_allowed(run.execution, f"task {name}")
    asked = humaneval.load_humaneval(name, words, run.outside(data))
    return lambda loaded, work: humaneval.measure(asked, loaded, work, seed=seed)


def _harness(run: StageRun, name: str, asked: Harness | None) -> HarnessTask:
    asked = asked or Harness()
    config = run.outside(asked.config)[0] if asked.config else None
    items = run.outside(asked.data) if asked.data else []
    return load_task(name, asked, config=config, items=items)


def _rates(run: StageRun, task: Task, work: Work) -> list[Measured]:
    asked: RefusalRate | LabelRate = task.body
    answers = [
        Answer(
            prompt_id=chat.meta["prompt"],
            prompt=tuple((turn.role, turn.content) for turn in chat.messages[:-1]),
            text=chat.messages[-1].content,
            checkpoint=chat.meta["checkpoint"],
        )
        for chat in chats_of(run, asked.answers)
    ]
    if isinstance(asked, RefusalRate):
        judged = rates.refusing(answers, asked.level)
        return rates.measure(task.name, answers, judged, unit="share of answers that refuse")
    classifier = classifier_of(asked, run.outside)
    judged = rates.labelled(answers, classifier, work)
    return rates.measure(task.name, answers, judged, unit=f"share of answers labelled {asked.label}")


def _bits_per_byte(run: StageRun, name: str, asked: BitsPerByte) -> Measure:
    plain = asked.ngrams
    chats = chats_of(run, asked.data.from_, split=asked.data.split)
    learnt = chats_of(run, plain.data.from_, split=plain.data.split) if plain else []

    def measure(loaded: LoadedModel, work: Work) -> Measured:
        texts = texts_of(chats, loaded, asked.of)
        measured = likelihood.measure(name, texts, loaded, work)
        if plain is None:
            return measured
        return ngrams.beside(measured, texts, texts_of(learnt, loaded, "text"), order=plain.order)

    return measure


def _divergence(run: StageRun, name: str, asked: Divergence) -> Measure:
    chats = chats_of(run, asked.data.from_, split=asked.data.split)
    words = run.words(Evaluate)

    @lru_cache(maxsize=1)
    def reference() -> LoadedModel:
        threads = answering(run).threads
        folder = model_folder(run, asked.reference)
        return load_model("reference", folder, precision=words.precision, threads=threads)

    return lambda loaded, work: divergence.measure(
        name, texts_of(chats, loaded, asked.of), Pair(loaded, reference(), under=asked.under), work
    )
