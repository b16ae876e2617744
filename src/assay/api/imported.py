"""Evaluations made elsewhere: folders that lm-evaluation-harness' `--log_samples` has written.

Each of its invocations writes `results_<date>.json` and, of that date, `samples_<task>_<date>.jsonl` for every task, below a folder
named for the model. Several invocations may lie in one folder: together they are one run's, if each task is there once.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pydantic import Field

from assay.api.model import SpecModel, Uri
from assay.errors import SpecError

_DATE = r"_(?P<date>\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(\.\d+)?)"
_RESULTS = re.compile(rf".+{_DATE}\.json")
_SAMPLES = re.compile(rf"samples_(?P<task>.+){_DATE}\.jsonl")


class Imported(SpecModel):
    """What lm-evaluation-harness measured elsewhere, item by item."""

    samples: Uri = Field(
        description="The folder that `lm_eval --log_samples --output_path` wrote, of one run: a path or `s3://…`."
    )


@dataclass(frozen=True, kw_only=True)
class Logged:
    """One task of a run: the file of its samples, and the results that its invocation wrote."""

    task: str
    samples: str  # the file's name below the folder
    results: Mapping[str, Any]  # what lm-evaluation-harness wrote as `results_<date>.json`
    results_name: str


def logged_tasks(names: Iterable[str], read: Callable[[str], Any], where: str) -> dict[str, Logged]:
    """Find the tasks of a run among the files below a folder; `read` returns the JSON of one of them.

    Raises:
        SpecError: results or samples are missing, are of two models, or a task is there twice.

    """
    names = sorted(names)
    samples = {(found["date"], found["task"]): name for found, name in _fitting(_SAMPLES, names)}
    tasks: dict[str, Logged] = {}
    models: dict[str, str] = {}
    for found, name in _fitting(_RESULTS, names):
        results = read(name)
        counted = results.get("n-samples") if isinstance(results, dict) else None
        if not isinstance(counted, dict) or not isinstance(results.get("results"), dict):
            raise SpecError(
                f"{where}, {name}",
                "found other JSON, expected `results` and `n-samples`, as lm-evaluation-harness 0.4.2 and later write them",
                "Name the folder that `lm_eval --output_path` wrote, of such a version.",
            )
        models.setdefault(str(results.get("model_name")), name)
        for task in counted:
            if task in tasks:
                raise SpecError(
                    f"{where}, task {task}",
                    f"found it twice, in {tasks[task].results_name} and {name}, expected each task once",
                    "Move the evaluation that does not count elsewhere.",
                )
            if (found["date"], task) not in samples:
                raise SpecError(
                    f"{where}, {name}",
                    f"found no samples of task {task}, expected samples_{task}_{found['date']}.jsonl beside it",
                    "Evaluate it with --log_samples, or copy all that it wrote.",
                )
            tasks[task] = Logged(
                task=task, samples=samples[found["date"], task], results=results, results_name=name
            )
    if not tasks:
        raise SpecError(
            where,
            "found no results_<date>.json, expected one with samples_<task>_<date>.jsonl beside it",
            "Name the folder that `lm_eval --log_samples --output_path` wrote.",
        )
    if len(models) > 1:
        told = " and ".join(f"{model} ({name})" for model, name in models.items())
        raise SpecError(where, f"found results of {told}, expected one model's", "Name one model's folder.")
    return tasks


def _fitting(pattern: re.Pattern[str], names: Iterable[str]) -> Iterator[tuple[re.Match[str], str]]:
    for name in names:
        found = pattern.fullmatch(PurePosixPath(name).name)
        if found is not None:
            yield found, name
