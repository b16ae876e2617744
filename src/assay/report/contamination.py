"""Whether the data that a measured model was trained on was held against benchmarks' items, and how many chats went.

A source is held against them if it met a step of `decontaminate`, in the stage that trains read or in one before. What such
a step drops shares words with some item that it was given; of which benchmark these were, the records do not say. Chats
that a model wrote count as not held, unless a step met them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.artifacts.documents import ArtifactRef, Record
from assay.artifacts.kinds import Kind
from assay.plan.plan import Plan, PlannedStage

Plain = dict[str, Any]

_STEP = "decontaminate"


def contamination(plan: Plan, records: Mapping[ArtifactRef, Record], evaluated: PlannedStage) -> Plain | None:
    """Say of a measured model's training data how much of it was held against items; None where nothing here trained it.

    `held` is `all`, `part` or `none` of the data's sources, and `dropped` counts chats, beside the stages that it is from.
    """
    path = _Path(records)
    sources = [
        held
        for data in _trained_on(plan, records, evaluated)
        for held in path.sources(data, data.get("split"))
    ]
    if not sources:
        return None
    held = "all" if all(sources) else "part" if any(sources) else "none"
    return {"held": held, "dropped": sum(path.dropped.values()), "from": list(path.dropped)}


def told(found: Plain | None) -> str:
    """Say it in a few words."""
    if found is None:
        return "–"
    if found["held"] == "none":
        return "not checked"
    return f"{found['dropped']} dropped" + (", not all checked" if found["held"] == "part" else "")


def _trained_on(
    plan: Plan, records: Mapping[ArtifactRef, Record], evaluated: PlannedStage
) -> Iterator[Plain]:
    """Yield what the trainings of a measured model read, from the last one back; what a program did with its inputs nobody knows."""
    stage: PlannedStage | None = evaluated
    while stage is not None:
        model = stage.document.spec.get("model", {}).get("from")
        stage = plan.by_ref.get(ArtifactRef(model)) if model else None
        if stage is not None and stage.ref in records and "data" in stage.document.spec:
            yield stage.document.spec["data"]


@dataclass
class _Path:
    """Data on its way to a training, and what was dropped on it."""

    records: Mapping[ArtifactRef, Record]
    dropped: dict[str, int] = field(default_factory=dict)  # by the stage that dropped it

    def sources(self, data: Plain, part: str | None) -> Iterator[bool]:
        """Yield of every source behind some data whether it was held against items."""
        ref = ArtifactRef(data["from"])
        record = self.records.get(ref)
        if record is None or ref.kind is not Kind.CLEAN:
            yield False
            return
        steps = [step for step in _before(record, part) if step["kind"] == _STEP]
        self.dropped[str(ref)] = sum(step["dropped"] for step in steps)
        met = {name for step in steps for name in step["sources"]}
        for source in record.identity.spec["sources"]:
            earlier = list(self.sources(source, source.get("split"))) if "from" in source else [False]
            yield from [True] if source["name"] in met else earlier


def _before(record: Record, part: str | None) -> list[Plain]:
    """Return the steps that data went through: a part that was set aside met none after that."""
    counted: list[Plain] = record.outputs.summary["steps"]
    if part is None:
        return counted
    kinds = record.identity.spec["steps"]
    aside = (
        at
        for at, step in enumerate(kinds)
        if part in {one["name"] for one in step.get("split", {}).get("parts", ())}
    )
    return counted[: next(aside, len(counted))]
