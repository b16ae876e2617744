"""From a compare stage's spec to `verdicts.json`: reads what its runs scored, and what they were trained on."""

import math
from collections.abc import Mapping
from typing import Any

import pyarrow.parquet as pq

from assay.api.compare import Comparison
from assay.artifacts.canonical import canonical_json
from assay.artifacts.outputs import OUTCOMES, VERDICTS
from assay_pipelines.compare.scores import Item, Run, TaskScore
from assay_pipelines.compare.verdicts import judge
from assay_pipelines.stage import StageRun

_LINE = (
    "contrast",
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
        StageError: an input is missing.

    """
    comparison = Comparison.model_validate(run.spec["comparison"])
    runs = [
        _run(run, arm["arm"], one, one["stages"][comparison.stage])
        for arm in run.spec["arms"]
        for one in arm["runs"]
    ]
    document = judge(comparison, runs, run.spec["missing"])
    (run.output / VERDICTS).write_bytes(canonical_json(document))
    return {
        "verdicts": [{name: verdict[name] for name in _LINE} for verdict in document["verdicts"]],
        "missing": len(document["missing"]),
    }


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
    )


def _lineage(run: StageRun, model: Mapping[str, Any]) -> dict[str, Any]:
    """Trace a measured model to what it was trained on; a model from outside has no training here."""
    trained = model.get("from")
    if trained is None:
        return {}
    record = run.record(trained)
    lineage = {"training": _figures(record.outputs.summary, ("rows", "tokens", "steps"), trained)}
    data = record.identity.spec.get("data", {}).get("from")
    if data is not None:
        lineage["data"] = _figures(run.record(data).outputs.summary, ("rows", "tokens"), data)
    return lineage


def _figures(summary: Mapping[str, Any], names: tuple[str, ...], ref: str) -> dict[str, Any]:
    """Pick figures, where they are plain numbers, beside the artifact that they are from."""
    found = {name: summary.get(name) for name in names}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    } | {"from": ref}
