"""What a plan's contrasts could show, before anything runs: the least difference that is mostly seen, and the power.

How much trainings vary is taken from earlier runs of the same arms where there are two or more of one, and else assumed.
The figures hold as far as trainings will vary so; few earlier runs tell that badly.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.api.compare import Comparison
from assay.artifacts.kinds import Kind
from assay.artifacts.outputs import FINAL
from assay.plan.plan import Plan, PlannedStage
from assay.statistics.power import Design, minimum_detectable_difference, power
from assay.statistics.words import LEAST_RUNS

Plain = dict[str, Any]

RUN_SD = 0.01
TURNED = 0.1
"""Share of answers that another seed is assumed to turn, and as many again that another arm turns."""

ASSUMED = f"assumed: runs vary by {RUN_SD:g} (SD), a seed turns {TURNED:.0%} of answers, data as many"
_ITEM_SD = math.sqrt(TURNED / 2)  # an answer that two seeds turn so often has this spread
_PUBLISHED = {"mmlu": (14_042, 57), "bbh": (6_430, 27), "drop": (6_285, 1), "humaneval": (164, 1)}
"""Of instruct-eval's benchmarks: items, and the parts of which a limit takes so many each."""


_SILENT: Plain = {"detectable": None, "power": None, "runSd": None}


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A task as it is planned, and what earlier runs scored on it, by arm."""

    name: str
    words: Mapping[str, Any]
    earlier: Sequence[Plain]

    def items(self) -> int | None:
        """Return how many items it has, from earlier runs, the plan or the published set."""
        if counted := [run["n"] for row in self.earlier for run in row["runs"]]:
            return int(max(counted))
        if benchmark := self.words.get("instructeval"):
            items, parts = _PUBLISHED[benchmark["benchmark"]]
            return min(items, parts * benchmark["limit"]) if benchmark.get("limit") else items
        for kind in ("multipleChoice", "harness"):
            if limit := (self.words.get(kind) or {}).get("limit"):
                return int(limit)
        return None

    def shares(self) -> bool:
        """Whether its score is a share of items, not bits, nats or a program's, whose spread nobody knows before."""
        return all(self.words.get(kind) is None for kind in ("bitsPerByte", "divergence", "unit"))

    def run_sd(self, arms: Sequence[str]) -> tuple[float, int] | None:
        """Pool the standard deviation of earlier runs of these arms; None where no arm has two."""
        squares, df = 0.0, 0
        for row in self.earlier:
            scores = [run["score"] for run in row["runs"]]
            if row["arm"] in arms and len(scores) > 1:
                mean = math.fsum(scores) / len(scores)
                squares += math.fsum((score - mean) ** 2 for score in scores)
                df += len(scores) - 1
        return (math.sqrt(squares / df), df) if df and squares > 0 else None


def foresight(plan: Plan, earlier: Sequence[Plain]) -> list[Plain]:
    """Say of every contrast and task what it could show; `earlier` are the scores of an earlier report."""
    return [
        row
        for stage in plan.stages
        if stage.kind is Kind.COMPARE
        for row in _of_comparison(plan, stage, earlier)
    ]


def _of_comparison(plan: Plan, stage: PlannedStage, earlier: Sequence[Plain]) -> Iterator[Plain]:
    comparison = Comparison.model_validate(stage.document.spec["comparison"])
    runs = {arm["arm"]: _fewest(arm["runs"]) for arm in stage.document.spec["arms"]}
    refs = {
        arm["arm"]: {run["stages"].get(comparison.stage) for run in arm["runs"]}
        for arm in stage.document.spec["arms"]
    }
    tasks = [
        _Task(
            name=name,
            words=words,
            earlier=[
                row
                for row in earlier
                if row["stage"] == comparison.stage and row["task"] in (name, f"{name} at {FINAL}")
            ],
        )
        for name, words in _tasks(plan, comparison.stage).items()
    ]
    contrasts = comparison.contrasts or ()
    margins = {margin.name: margin.margin for margin in comparison.margins}
    primary = comparison.primary
    same = {
        contrast.name
        for contrast in contrasts
        if refs.get(contrast.a) and refs[contrast.a] == refs.get(contrast.b)
    }
    others = (len(contrasts) - len(same)) * len(tasks) - (
        primary is not None and primary.contrast not in same
    )
    for contrast in contrasts:
        for task in tasks:
            first = primary is not None and (primary.contrast, primary.task) == (contrast.name, task.name)
            alone = first or comparison.family == "none"
            row: Plain = {
                "comparison": comparison.name,
                "contrast": contrast.name,
                "task": task.name,
                "primary": first,
                "runsA": runs.get(contrast.a, 0),
                "runsB": runs.get(contrast.b, 0),
                "alpha": comparison.alpha / (1 if alone else max(others, 1)),
                "margin": margins.get(task.name, comparison.margin),
                "items": task.items(),
            }
            if contrast.name in same:
                yield row | _SILENT | {"why": "both arms are the same runs: there is nothing to compare"}
                continue
            yield row | _seen(
                task,
                (contrast.a, contrast.b),
                (row["runsA"], row["runsB"]),
                alpha=row["alpha"],
                margin=row["margin"],
            )


def _seen(task: _Task, arms: tuple[str, str], runs: tuple[int, int], *, alpha: float, margin: float) -> Plain:
    """Work one contrast out, or say why it cannot be."""
    if min(runs) < LEAST_RUNS:
        return _SILENT | {"why": f"no verdict about data with fewer than {LEAST_RUNS} runs in each arm"}
    items, known = task.items(), task.run_sd(arms)
    if known is not None:
        run_sd, why = known[0], f"spread of earlier runs of the same arms ({known[1]} degrees of freedom)"
    elif items is None or not task.shares():
        return _SILENT | {"why": "nothing is known of its spread or its items before it has run"}
    else:
        run_sd, why = math.sqrt(RUN_SD**2 + _ITEM_SD**2 / items), ASSUMED
    shares = items is not None and task.shares()
    design = Design(
        runs_a=runs[0],
        runs_b=runs[1],
        run_sd=run_sd,
        items=items if shares else None,
        item_sd=_ITEM_SD if shares else 0.0,
        residual_sd=_ITEM_SD if shares else 0.0,
    )
    return {
        "detectable": minimum_detectable_difference(design, alpha=alpha),
        "power": power(design, margin, alpha=alpha),
        "runSd": run_sd,
        "why": why,
    }


def _tasks(plan: Plan, stage: str | None) -> dict[str, Plain]:
    """Return the tasks of a stage, of whichever arm, by name."""
    return {
        task["name"]: task
        for planned in plan.stages
        if planned.kind in (Kind.EVALUATE, Kind.PROGRAM)
        and any(member.stage == stage for member in planned.members)
        for task in planned.document.spec.get("tasks", ())  # what was imported shows its own once it is read
    }


def _fewest(runs: Sequence[Plain]) -> int:
    """Count an arm's runs at the point of the matrix that has the fewest."""
    points = [tuple(sorted(run["coordinates"].items())) for run in runs]
    return min((points.count(point) for point in set(points)), default=0)
