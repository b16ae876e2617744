"""What the stages that are done took, as their records say, and what it would have been had each run done all of its own.

A run is an arm at one point of the matrix; *naive* is that each carries out its whole pipeline, as it would with a script per run.
Only attempts that ended in a record are counted: what failed or was stopped is in the status, and what nobody recorded is not
guessed. Who launched a stage is no part of this, so that every reader of the same records sees the same. No record knows a price:
whoever asks for the report names one, and the report says which.
"""

from collections.abc import Mapping
from typing import Any

from assay.api.profile import Prices
from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.kinds import Kind
from assay.plan.plan import Plan

Plain = dict[str, Any]

_SECONDS = 3600


def work(plan: Plan, records: Mapping[ArtifactRef, Record], prices: Prices | None = None) -> Plain:
    """Count stages, hours and GPU-hours by kind, once and as often as runs ask for them."""
    rows = [_of_kind(plan, records, kind) for kind in Kind if kind in plan.separate]
    names = ("stages", "asked", "done", "hours", "naiveHours", "gpuHours", "naiveGpuHours")
    whole = {name: sum(row[name] for row in rows) for name in names}
    return {
        "kinds": rows,
        "all": whole,
        "gpus": _by_gpu(plan, records),
        "cost": None if prices is None else _cost(whole, prices),
    }


def _cost(whole: Plain, prices: Prices) -> Plain | None:
    spent, naive = prices.cost(whole["gpuHours"]), prices.cost(whole["naiveGpuHours"])
    if not spent or naive is None:
        return None
    about = {"currency": prices.currency, "gpuHour": prices.gpu_hour}
    return about | {"spent": round(spent, 2), "naive": round(naive, 2), "saved": round(naive - spent, 2)}


def _of_kind(plan: Plan, records: Mapping[ArtifactRef, Record], kind: Kind) -> Plain:
    asked, stages = plan.separate[kind]
    row: Plain = {
        "kind": kind.value, "stages": stages, "asked": asked, "done": 0,
        "hours": 0.0, "naiveHours": 0.0, "gpuHours": 0.0, "naiveGpuHours": 0.0,
    }  # fmt: skip
    for stage in plan.stages:
        record = records.get(stage.ref)
        if stage.kind is not kind or record is None:
            continue
        hours = _hours(record)
        row["done"] += 1
        row["hours"] += hours
        row["naiveHours"] += hours * len(stage.members)
        row["gpuHours"] += hours * record.provenance.gpus
        row["naiveGpuHours"] += hours * record.provenance.gpus * len(stage.members)
    return row


def _by_gpu(plan: Plan, records: Mapping[ArtifactRef, Record]) -> dict[str, float]:
    """Return GPU-hours by the GPU's name, for whoever knows its price."""
    found: dict[str, float] = {}
    for stage in plan.stages:
        record = records.get(stage.ref)
        if record is not None and record.provenance.gpu:
            name = record.provenance.gpu
            found[name] = found.get(name, 0.0) + _hours(record) * record.provenance.gpus
    return dict(sorted(found.items()))


def _hours(record: Record) -> float:
    took = record.provenance.finished_at - record.provenance.started_at
    return took.total_seconds() / _SECONDS
