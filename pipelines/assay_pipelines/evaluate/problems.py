"""HumanEval's file: a function to complete in each line, and the tests of it."""

from collections.abc import Sequence
from pathlib import Path

from assay_pipelines.evaluate.reading import lines_of, malformed, object_of


def problems_of(files: Sequence[Path], where: str, fields: Sequence[str]) -> list[dict[str, str]]:
    """Read these fields of each problem, in their order; `task_id` is one of them.

    Raises:
        StageError: `BenchmarkMalformed`.

    """
    problems: dict[str, dict[str, str]] = {}
    for place, line in lines_of(files, where):
        found = object_of(line, place)
        problem: dict[str, str] = {}
        for name in fields:
            value = found.get(name)
            if not isinstance(value, str):
                raise malformed(place, f"{name} {value!r}", "a text")
            problem[name] = value
        if problem["task_id"] in problems:
            raise malformed(place, f"the task_id {problem['task_id']!r} a second time", "each once")
        problems[problem["task_id"]] = problem
    if not problems:
        raise malformed(where, "no problems", "at least one")
    return list(problems.values())
