"""From a compare stage's spec to `verdicts.json`: reads what its runs scored, and what they were trained on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from assay.api.compare import TRAINING_FIGURES, Comparison, Measure
from assay.api.model import Checkpoint
from assay.artifacts.canonical import canonical_json
from assay.artifacts.documents import Record
from assay.artifacts.outputs import FINAL, OUTCOMES, VERDICTS
from assay.errors import StageError
from assay.statistics.curves import log_odds
from assay_pipelines.checkpoints import label_asked
from assay_pipelines.compare.curve import are_shares
from assay_pipelines.compare.derived import Figures, judge_derived
from assay_pipelines.compare.dose import judge_curves
from assay_pipelines.compare.scores import Item, Run, TaskScore
from assay_pipelines.compare.told import told
from assay_pipelines.compare.trend import judge_trend
from assay_pipelines.compare.verdicts import judge
from assay_pipelines.stage import StageRun

_FAILED = "its stage failed"
_LINE = (
    "contrast",
    "arm",
    "expression",
    "task",
    "coordinates",
    "primary",
    "word",
    "reading",
    "n",
    "effect",
    "interval",
    "adjustedP",
)


def compare(run: StageRun) -> dict[str, Any]:
    """Carry out a compare stage and return its verdicts in short.

    Raises:
        StageError: an input is missing, or a measure has no log-odds.

    """
    comparison = Comparison.model_validate(run.spec["comparison"])
    document = _document(run, comparison)
    (run.output / VERDICTS).write_bytes(canonical_json(document))
    found = [*document["verdicts"], *document["curves"], *document["derived"], *document["trends"]]
    return {
        "verdicts": [{name: verdict[name] for name in _LINE if name in verdict} for verdict in found],
        "missing": len(document["missing"]),
    }


def _document(run: StageRun, comparison: Comparison) -> dict[str, Any]:
    """Answer whichever kind of question it is; what the others would have is empty."""
    document: dict[str, Any] = {
        "comparison": comparison.model_dump(mode="json", by_alias=True, exclude_none=True),
        "arms": [],
        "verdicts": [],
        "models": [],
        "curves": [],
        "derived": [],
        "trends": [],
        "sameRuns": [],
        "missing": [dict(one) | {"reason": _FAILED} for one in run.spec["missing"]],
    }
    described = [(arm["arm"], one) for arm in run.spec["arms"] for one in arm["runs"]]
    if comparison.derived is not None:
        derived = comparison.derived
        figures = [_figured(run, arm, one, derived.measures) for arm, one in described]
        if derived.trend is None:
            answer = judge_derived(comparison, derived, figures, run.spec["missing"])
        else:
            answer = judge_trend(comparison, derived, derived.trend, runs=figures, failed=run.spec["missing"])
    else:
        runs = [_run(run, arm, one, one["stages"][comparison.stage]) for arm, one in described]
        document["arms"] = told(runs)
        if comparison.dose is not None:
            answer = judge_curves(comparison, comparison.dose, runs, run.spec["missing"])
        else:
            answer = judge(comparison, runs, run.spec["missing"])
    return document | answer | {"missing": document["missing"] + answer["missing"]}


def _figured(run: StageRun, arm: str, described: Mapping[str, Any], measures: Sequence[Measure]) -> Figures:
    """Read the figures of one run's stages from their records."""
    refs = {measure.name: described["stages"][measure.stage] for measure in measures}
    return Figures(
        arm=arm,
        coordinates=described["coordinates"],
        replicate=described["replicate"],
        measures={measure.name: _figure(run, refs[measure.name], measure) for measure in measures},
        refs=refs,
        dose=described.get("dose", 0.0),
    )


def _figure(run: StageRun, ref: str, measure: Measure) -> float:
    figures = run.record(ref).outputs.summary
    if measure.figure in TRAINING_FIGURES and "tasks" not in figures:
        return float(figures[measure.figure])
    scored = figures["tasks"][measure.figure]
    found = next(iter(scored.values())) if len(scored) == 1 else scored[FINAL]
    score = float(found["score"])
    if measure.scale == "probability":
        return score
    if not are_shares(np.array([score]), found["unit"]):
        raise StageError(
            "Unsupported",
            f"measure {measure.name}, {ref}",
            f"found {score:g} {found['unit']}, expected a share between 0 and 1, which has log-odds",
            "Remove its scale: logit, or measure a share.",
        )
    return log_odds(score, found["n"])


def _run(run: StageRun, arm: str, described: Mapping[str, Any], ref: str) -> Run:
    artifact = run.artifact(ref, OUTCOMES)
    items: dict[tuple[str, str], dict[str, Item]] = {}
    for row in pq.read_table(artifact.folder / OUTCOMES).to_pylist():
        items.setdefault((row["task"], row["checkpoint"]), {})[row["doc_id"]] = Item(
            doc_hash=row["doc_hash"],
            prompt_hash=row["prompt_hash"],
            outcome=row["outcome"],
            weight=row["weight"],
        )
    scores: dict[str, dict[str, TaskScore]] = {}
    for task, checkpoints in artifact.record.outputs.summary["tasks"].items():
        for checkpoint, figures in checkpoints.items():
            scores.setdefault(task, {})[checkpoint] = TaskScore(
                items=items.get((task, checkpoint), {}),
                unit=figures["unit"],
                higher_is_better=figures.get("higherIsBetter"),
                chance=figures.get("chance"),
            )
    return Run(
        arm=arm,
        coordinates=described["coordinates"],
        replicate=described["replicate"],
        ref=ref,
        scores=scores,
        lineage=_lineage(run, artifact.record.identity.spec.get("model", {})),
        dose=described.get("dose", 0.0),
    )


def _lineage(run: StageRun, model: Mapping[str, Any]) -> dict[str, Any]:
    """Trace a measured model to what it was trained on; a model from outside has no training here."""
    trained = model.get("from")
    if trained is None:
        return {}
    record = run.record(trained)
    lineage = {"training": _figures(_reached(record, model), ("rows", "tokens", "steps"), trained)}
    data = record.identity.spec.get("data", {}).get("from")
    if data is not None:
        lineage["data"] = _figures(run.record(data).outputs.summary, ("rows", "tokens"), data)
    return lineage


def _reached(record: Record, model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a training had done by the checkpoint that is measured; its tokens are counted at the end alone."""
    if "checkpoint" not in model:
        return record.outputs.summary
    label = label_asked(Checkpoint.model_validate(model["checkpoint"]))
    kept = {one["label"]: one for one in record.outputs.summary.get("checkpoints", ())}.get(label, {})
    return {"rows": kept.get("rows"), "steps": kept.get("step")}


def _figures(summary: Mapping[str, Any], names: tuple[str, ...], ref: str) -> dict[str, Any]:
    """Pick figures, where they are plain numbers, beside the artifact that they are from."""
    found = {name: summary.get(name) for name in names}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    } | {"from": ref}
