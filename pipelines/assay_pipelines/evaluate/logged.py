"""From logged samples to what is compared: which metric stands for a task, and which tasks are one. No input or output.

A task's score is by its first metric that is a mean over items, as where tasks are asked here. Which metric is one is not in the
files, so it is found by counting: the mean over the samples has to be what the results say, which also shows files that were cut.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from assay.api.imported import Logged
from assay.artifacts.canonical import canonical_json
from assay.artifacts.outputs import FINAL
from assay.errors import StageError
from assay_pipelines.evaluate.samples import ROLLING, ids_of, outcome_of, unit_of
from assay_pipelines.outcomes import Measured

Plain = Mapping[str, Any]

_TORCH = re.compile(r"^PyTorch version: (\S+)", re.MULTILINE)
_GPUS = re.compile(r"^GPU models and configuration: *(No CUDA|GPU 0: (?P<name>[^\n]+))", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A task's samples, each item once, and the metric that stands for it."""

    logged: Logged
    samples: Sequence[Plain]
    metric: str

    @property
    def ids(self) -> list[str]:
        """Items' own ids, if each has another; else their places."""
        return ids_of(self.samples)


def measured_of(parts: Mapping[str, Part]) -> list[Measured]:
    """Return what is compared: groups that have a score of their own as one task, the others task by task."""
    return [_measured(name, of_it) for name, of_it in _grouped(parts)]


def environment_of(tasks: Sequence[Logged]) -> dict[str, Any]:
    """Return the environment class of those who measured, as far as their results tell it."""
    found: dict[str, set[str]] = {}
    for results in {logged.results_name: logged.results for logged in tasks}.values():
        told = str(results.get("pretty_env_info", ""))
        torch, gpus = _TORCH.search(told), _GPUS.search(told)
        for name, value in {
            "lm-eval": results.get("lm_eval_version"),
            "transformers": results.get("transformers_version"),
            "torch": torch and torch[1],
            "device": gpus and (gpus["name"] or "cpu"),
            "precision": (results.get("config") or {}).get("model_dtype"),
        }.items():
            if value is not None:
                found.setdefault(name, set()).add(str(value).removeprefix("torch."))
    known = {name: ", ".join(sorted(values)) for name, values in found.items()}
    asked = {
        f"generation of {logged.task}": canonical_json(settings).decode()
        for logged in tasks
        if (settings := _config(logged).get("generation_kwargs"))
    }
    libraries = {name: known.pop(name) for name in ("lm-eval", "transformers", "torch") if name in known}
    return {"libraries": libraries, **known, **asked}


def metric_of(logged: Logged, samples: Sequence[Plain], place: str) -> str:
    """Choose the figure that stands for the task: the first that is a mean over its items."""
    scored: list[str] = samples[0]["metrics"]
    declared = [
        str(one.get("metric")) for one in _config(logged).get("metric_list") or () if isinstance(one, dict)
    ]
    names = [name for name in declared if name in scored] or scored
    told = logged.results["results"].get(logged.task, {})
    for name in names:
        mean, expected = _mean(name, samples), told.get(f"{name},{samples[0]['filter']}")
        if (
            mean is not None
            and isinstance(expected, int | float)
            and math.isclose(mean, expected, rel_tol=1e-9, abs_tol=1e-12)
        ):
            return name
    raise StageError(
        "BenchmarkMalformed",
        place,
        f"found no metric of task {logged.task} whose mean over the items is what {logged.results_name} says, among {', '.join(names)}, expected one",
        "Copy both files again if they may have changed; else leave the task out, or give it such a metric, as acc, exact_match or bits_per_byte.",
    )


def _mean(metric: str, samples: Sequence[Plain]) -> float | None:
    """Return the mean of a metric over items; None where items have none, or no numbers."""
    values = [sample.get(metric) for sample in samples]
    if metric == ROLLING:
        pairs = [value for value in values if isinstance(value, list) and len(value) == 2]
        size = math.fsum(pair[1] for pair in pairs)
        whole = len(pairs) == len(values) and size > 0
        return -math.fsum(pair[0] for pair in pairs) / size / math.log(2) if whole else None
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return math.fsum(numbers) / len(numbers) if len(numbers) == len(values) else None


def _config(logged: Logged) -> Plain:
    config: Plain = logged.results.get("configs", {}).get(logged.task) or {}
    return config


def _grouped(parts: Mapping[str, Part]) -> Iterator[tuple[str, list[Part]]]:
    joined: set[str] = set()
    for results in {part.logged.results_name: part.logged.results for part in parts.values()}.values():
        for group in _scored_groups(results):
            inside = [parts[task] for task in _leaves(results, group) if task in parts]
            if inside and len({part.metric for part in inside}) == 1:
                joined |= {part.logged.task for part in inside}
                yield group, inside
    yield from ((task, [part]) for task, part in parts.items() if task not in joined)


def _scored_groups(results: Plain) -> list[str]:
    """Return the outermost groups that have a score."""
    children = results.get("group_subtasks") or {}
    nested = set(chain.from_iterable(children.values()))
    ahead = [group for group in children if group not in nested]
    found = []
    while ahead:
        group = ahead.pop(0)
        if any("," in key for key in (results.get("groups") or {}).get(group, ())):
            found.append(group)
        else:
            ahead += [child for child in children.get(group, ()) if child in children]
    return found


def _leaves(results: Plain, group: str) -> Iterator[str]:
    children: Iterable[str] = results["group_subtasks"].get(group) or ()
    if not children:
        yield group
    for child in children:
        yield from _leaves(results, child)


def _measured(name: str, parts: Sequence[Part]) -> Measured:
    first = parts[0]
    logged = first.logged
    better = logged.results.get("higher_is_better", {}).get(first.logged.task, {}).get(first.metric)
    counts = [
        len(sample["filtered_resps"])
        for part in parts
        if _config(part.logged).get("output_type") == "multiple_choice"
        for sample in part.samples
    ]
    outcomes = tuple(
        outcome_of(sample, part.metric, doc_id=f"{part.logged.task}/{doc_id}" if len(parts) > 1 else doc_id)
        for part in parts
        for doc_id, sample in zip(part.ids, part.samples, strict=True)
    )
    beside = {
        "metric": first.metric,
        "filter": first.samples[0]["filter"],
        "version": logged.results.get("versions", {}).get(name),
        "fewShot": logged.results.get("n-shot", {}).get(name),
    }
    return Measured(
        task=name,
        checkpoint=FINAL,
        outcomes=outcomes,
        unit=unit_of(first.metric),
        higher_is_better=better,
        chance=math.fsum(1 / count for count in counts) / len(counts)
        if len(counts) == len(outcomes)
        else None,
        beside={key: value for key, value in beside.items() if value is not None},
    )
