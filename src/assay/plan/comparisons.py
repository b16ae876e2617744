"""The compare stages of a plan: one per comparison, reading what every run of its arms wrote.

A compare stage runs when its inputs are finished, done or not. Were those that failed left in its identity, a verdict
over a part would stand for the whole; so `without` gives the stage that reads only what is there, and says what is not.
"""

from collections.abc import Iterator, Mapping

from assay.api.compare import Comparison
from assay.artifacts.documents import ArtifactRef, StageDocument
from assay.artifacts.kinds import SEMANTICS, Kind
from assay.plan.arms import Instance
from assay.plan.identity import identity
from assay.plan.merge import Plain
from assay.plan.plan import Member, PlannedStage


def compare_stages(
    comparisons: tuple[Comparison, ...],
    instances: tuple[Instance, ...],
    known: Mapping[tuple[str, str], ArtifactRef],
) -> Iterator[PlannedStage]:
    """Yield the compare stage of every comparison; `known` maps (instance label, stage name) to what it writes."""
    for comparison in comparisons:
        arms = []
        for arm in _arms(comparison, instances):
            runs = [
                run
                for instance in instances
                if instance.arm == arm
                if (run := _run(comparison, instance, known))
            ]
            arms.append({"arm": arm, "runs": runs})
        spec = {"comparison": identity(comparison), "arms": arms, "missing": []}
        yield PlannedStage(
            document=_document(spec), members=(Member(arm="compare", coordinates={}, stage=comparison.name),)
        )


def without(stage: PlannedStage, missing: frozenset[ArtifactRef]) -> PlannedStage:
    """Return the compare stage over what is left when some of its inputs have failed."""
    arms, absent = [], []
    for arm in stage.document.spec["arms"]:
        kept = [run for run in arm["runs"] if not missing & set(run["stages"].values())]
        absent += [{"arm": arm["arm"], **run} for run in arm["runs"] if run not in kept]
        arms.append({"arm": arm["arm"], "runs": kept})
    spec = {**stage.document.spec, "arms": arms, "missing": absent}
    return PlannedStage(document=_document(spec), members=stage.members)


def _arms(comparison: Comparison, instances: tuple[Instance, ...]) -> list[str]:
    every = list(dict.fromkeys(instance.arm for instance in instances))
    if comparison.contrasts is not None:
        wanted = {name for contrast in comparison.contrasts for name in (contrast.a, contrast.b)}
    elif comparison.dose is not None and comparison.dose.arms:
        wanted = set(comparison.dose.arms)
    else:
        return every
    return [arm for arm in every if arm in wanted]


def _run(
    comparison: Comparison, instance: Instance, known: Mapping[tuple[str, str], ArtifactRef]
) -> Plain | None:
    names = [comparison.stage] if comparison.stage else []
    if comparison.derived is not None:
        names += [measure.stage for measure in comparison.derived.measures]
    stages = {name: str(known[instance.label, name]) for name in names if (instance.label, name) in known}
    if not stages or len(stages) < len(set(names)):
        return None
    dose = {}
    along = comparison.dose if comparison.derived is None else comparison.derived.trend
    if along is not None:
        if along.axis not in instance.doses:
            return None  # the axis moves nothing in this arm
        dose = {"dose": instance.doses[along.axis]}
    replicates = instance.replicates
    return dose | {
        "coordinates": {axis: value for axis, value in instance.coordinates if axis not in replicates},
        "replicate": {axis: value for axis, value in instance.coordinates if axis in replicates},
        "stages": stages,
    }


def _document(spec: Plain) -> StageDocument:
    reads = {ref for arm in spec["arms"] for run in arm["runs"] for ref in run["stages"].values()}
    return StageDocument(
        kind=Kind.COMPARE, semantics=SEMANTICS[Kind.COMPARE], spec=spec, reads=tuple(sorted(reads))
    )
