"""What `lm_eval --log_samples` wrote elsewhere, read and kept as if the tasks had been asked here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.api.imported import Imported, Logged, logged_tasks
from assay.artifacts.outputs import OUTCOMES
from assay.errors import SpecError, StageError
from assay_pipelines.evaluate.logged import Part, environment_of, measured_of, metric_of
from assay_pipelines.evaluate.reading import lines_of, malformed, object_of, text_of
from assay_pipelines.evaluate.samples import first_filter
from assay_pipelines.outcomes import summary, write_outcomes
from assay_pipelines.stage import StageRun

_NEEDED = {
    "doc_id": int,
    "doc": dict,
    "filter": str,
    "metrics": list,
    "filtered_resps": list,
    **dict.fromkeys(("doc_hash", "prompt_hash", "target_hash"), str),
}


def read_imported(run: StageRun) -> dict[str, Any]:
    """Carry out an imported stage and return its figures.

    Raises:
        StageError: `BenchmarkMalformed`: the folder is not what lm-evaluation-harness writes.

    """
    identity = run.words(Imported).samples
    location = run.attempt.locations[identity]
    local = run.outside(identity)
    files = {file.path: path for file, path in zip(location.files, local, strict=True)}
    tasks = _logged(files, location.uri)
    parts = {task: _part(logged, files, location.uri) for task, logged in tasks.items()}
    measured = measured_of(parts)
    run.ran_with(**environment_of(list(tasks.values())))
    write_outcomes(run.output / OUTCOMES, measured)
    models = {str(logged.results.get("model_name")) for logged in tasks.values()}
    return {**summary(measured), "imported": {"model": models.pop()}}


def _logged(files: Mapping[str, Path], where: str) -> dict[str, Logged]:
    def read(name: str) -> dict[str, Any]:
        return object_of(text_of(files[name], where), f"{where}, {name}")

    try:
        return logged_tasks(files, read, where)
    except SpecError as error:
        raise StageError("BenchmarkMalformed", error.where, error.found, error.do) from error


def _part(logged: Logged, files: Mapping[str, Path], where: str) -> Part:
    place = f"{where}, {logged.samples}"
    samples = [_sample(line, at) for at, line in lines_of([files[logged.samples]], where)]
    if not samples:
        raise malformed(place, "no samples", "a line for each item")
    once = first_filter(samples)
    expected = logged.results["n-samples"][logged.task].get("effective")
    if len(once) != expected:
        raise malformed(place, f"{len(once)} items", f"{expected}, as {logged.results_name} says")
    return Part(logged=logged, samples=once, metric=metric_of(logged, once, place))


def _sample(line: str, place: str) -> dict[str, Any]:
    sample = object_of(line, place)
    for name, kind in _NEEDED.items():
        if not isinstance(sample.get(name), kind):
            found = f"{name} {str(sample[name])[:60]!r}" if name in sample else f"no {name}"
            raise malformed(place, found, "a sample as lm-evaluation-harness 0.4.2 and later write it")
    return {name: sample[name] for name in (*_NEEDED, *map(str, sample["metrics"])) if name in sample}
