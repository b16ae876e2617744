"""Runs' scores in the shape of lm-evaluation-harness' `results_<date>.json`, for the tools that read it. No input or output.

Only what a record knows is in it. A metric has the harness' own name where that was imported, else the name of the task's unit.
A standard error is there where it is that of a mean: where items count alike, and the task has no parts.
"""

import math
import re
from collections.abc import Mapping, Sequence
from statistics import stdev
from typing import Any

from assay.artifacts.documents import Record

Plain = dict[str, Any]
Outcomes = Mapping[tuple[str, str], Sequence[Plain]]  # by task and checkpoint: doc_id, outcome, weight

_UNSAFE = re.compile(r"[\"<>:/|\\?*\[\]]+")  # in names of folders, by the harness' rule


def results_documents(label: str, record: Record, outcomes: Outcomes) -> dict[str, Plain]:
    """Return a document for each model that an evaluate stage measured, by the path that the harness would write it to."""
    tasks: Mapping[str, Mapping[str, Plain]] = record.outputs.summary["tasks"]
    checkpoints = list(dict.fromkeys(name for measured in tasks.values() for name in measured))
    finished = record.provenance.finished_at
    date = finished.replace(tzinfo=None).isoformat().replace(":", "-")
    documents = {}
    for checkpoint in checkpoints:
        model = label if len(checkpoints) == 1 else f"{label}@{checkpoint}"
        of_it = {task: measured[checkpoint] for task, measured in tasks.items() if checkpoint in measured}
        items = {task: outcomes.get((task, checkpoint), ()) for task in of_it}
        folder = _UNSAFE.sub("__", model)
        documents[f"{folder}/results_{date}.json"] = {
            **_figures(of_it, items),
            **_settings(record, of_it),
            "model_name": model,
            "model_name_sanitized": folder,
        }
    return documents


def _figures(tasks: Mapping[str, Plain], items: Mapping[str, Sequence[Plain]]) -> Plain:
    metrics = {task: figures.get("metric") or _snake(figures["unit"]) for task, figures in tasks.items()}
    return {
        "results": {
            task: _scored(task, metrics[task], figures, items[task]) for task, figures in tasks.items()
        },
        "group_subtasks": {task: [] for task in tasks},
        "higher_is_better": {
            task: {metrics[task]: figures["higherIsBetter"]}
            for task, figures in tasks.items()
            if figures.get("higherIsBetter") is not None
        },
        "n-samples": {task: {"effective": figures["n"]} for task, figures in tasks.items()},
    }


def _scored(task: str, metric: str, figures: Plain, items: Sequence[Plain]) -> Plain:
    suffix = figures.get("filter", "none")
    error = _standard_error(items)
    return {
        "name": task,
        "alias": task,
        "sample_len": figures["n"],
        f"{metric},{suffix}": float(figures["score"]),  # a record has 0 for 0.0
        f"{metric}_stderr,{suffix}": "N/A" if error is None else error,
    }


def _standard_error(items: Sequence[Plain]) -> float | None:
    if len(items) < 2 or any(item["weight"] != 1 or "/" in item["doc_id"] for item in items):
        return None
    return stdev(float(item["outcome"]) for item in items) / math.sqrt(len(items))


def _settings(record: Record, tasks: Mapping[str, Plain]) -> Plain:
    """Say what the stage's own words, or the imported results, tell of how the tasks were asked."""
    spec = record.identity.spec
    asked = {task["name"]: task.get("harness", {}) for task in spec.get("tasks", ())}
    few_shot = {
        task: found
        for task, figures in tasks.items()
        if (found := figures.get("fewShot", asked.get(task, {}).get("fewShot"))) is not None
    }
    elsewhere = record.outputs.summary.get("imported")
    libraries = record.provenance.environment.get("libraries", {})
    versions = {
        f"{name.replace('-', '_')}_version": libraries[name]
        for name in ("lm-eval", "transformers")
        if name in libraries
    }
    known = {"task": {task: asked.get(task, {}).get("task", task) for task in tasks}, "num_fewshot": few_shot}
    return {
        "configs": {
            task: {name: values[task] for name, values in known.items() if task in values} for task in tasks
        },
        "versions": {task: figures["version"] for task, figures in tasks.items() if "version" in figures},
        "n-shot": few_shot,
        "config": {
            name: value
            for name, value in {
                "model": elsewhere["model"] if elsewhere else str(record.identity.ref),
                "model_dtype": spec.get("precision", record.provenance.environment.get("precision")),
                "random_seed": spec.get("seed"),
            }.items()
            if value is not None
        },
        **versions,
        **({} if elsewhere else {"date": record.provenance.finished_at.timestamp()}),
    }


def _snake(unit: str) -> str:
    return re.sub(r"\W+", "_", unit).strip("_")
