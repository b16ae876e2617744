"""From an expanded experiment and its resolved outside inputs to a Plan: one stage per fingerprint.

Pure: the same experiment and the same content give the same plan, whatever the names of files, the order of arms or
the machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assay.api.clean import Clean
from assay.api.experiment import Experiment, Stage
from assay.api.faults import did_you_mean
from assay.api.model import ModelRef
from assay.api.train import Train
from assay.artifacts.documents import ArtifactRef, Location, StageDocument
from assay.artifacts.kinds import SEMANTICS
from assay.errors import SpecError
from assay.plan.arms import Expansion, Instance, expand
from assay.plan.comparisons import compare_stages
from assay.plan.identity import (
    OutsideInput,
    Path,
    Reference,
    identity,
    outside_inputs,
    references,
    substitute,
)
from assay.plan.merge import Plain
from assay.plan.plan import Member, Plan, PlannedStage


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """An outside input as it is now."""

    identity: str  # of its content
    location: Location


def wanted_inputs(expansion: Expansion) -> dict[str, OutsideInput]:
    """Return every outside input that some instance reads, by its key, for a port to resolve."""
    found: dict[str, OutsideInput] = {}
    seen: set[int] = set()
    for instance in expansion.instances:
        for stage in instance.stages.values():
            if id(stage) not in seen:
                seen.add(id(stage))
                found |= {item.key: item for item in outside_inputs(stage.body)}
    return found


def compile_plan(experiment: Experiment, resolved: Mapping[str, Resolved]) -> Plan:
    """Compile an experiment whose outside inputs are resolved (a mapping by `OutsideInput.key`).

    Raises:
        SpecError: a reference leads nowhere, to the wrong kind, in a circle, or asks for what its stage does not keep.

    """
    expansion = expand(experiment)
    compiler = _Compiler(expansion, resolved)
    for instance in expansion.instances:
        for name in instance.stages:
            compiler.document(instance, name)
    comparisons = compare_stages(experiment.spec.compare, expansion.instances, compiler.known)
    return Plan(
        experiment=f"{experiment.metadata.namespace}/{experiment.metadata.name}",
        stages=(*compiler.stages(), *comparisons),
        locations={item.identity: item.location for item in resolved.values()},
        execution=experiment.spec.execution.model_dump(mode="json", by_alias=True),
        notes=expansion.notes,
    )


class _Compiler:
    """Fingerprints stages, those that are read before those that read them."""

    def __init__(self, expansion: Expansion, resolved: Mapping[str, Resolved]) -> None:
        self._resolved = resolved
        self._arms: dict[str, list[Instance]] = {}
        self._points: dict[tuple[str, frozenset[tuple[str, str]]], Instance] = {}
        for instance in expansion.instances:
            self._arms.setdefault(instance.arm, []).append(instance)
            self._points[instance.arm, frozenset(instance.coordinates)] = instance
        self._words: dict[int, tuple[Stage, _Words]] = {}
        self._underway: list[str] = []
        self.known: dict[tuple[str, str], ArtifactRef] = {}  # (instance label, stage name) → what it writes
        self._documents: dict[ArtifactRef, StageDocument] = {}
        self._members: dict[ArtifactRef, list[Member]] = {}

    def stages(self) -> Iterator[PlannedStage]:
        """Yield the distinct stages in the order in which they were fingerprinted."""
        for ref, document in self._documents.items():
            yield PlannedStage(document=document, members=tuple(self._members[ref]))

    def document(self, instance: Instance, name: str) -> ArtifactRef:
        """Fingerprint one stage of one instance, and before it all that it reads."""
        key = (instance.label, name)
        if key in self.known:
            return self.known[key]
        label = f"{instance.label}/{name}"
        if label in self._underway:
            circle = " → ".join([*self._underway[self._underway.index(label) :], label])
            raise SpecError(
                f"stage {label}",
                f"found a circle {circle}, expected none",
                "Break it: a stage may not read what reads it.",
            )
        self._underway.append(label)
        stage = instance.stages[name]
        words = self._of(stage)
        changes: dict[Path, str] = {place: self._resolved[item.key].identity for place, item in words.outside}
        reads = set()
        for place, reference in words.references:
            ref = self._target(instance, stage, reference)
            changes[place] = str(ref)
            reads.add(str(ref))
        document = StageDocument(
            kind=stage.kind,
            semantics=SEMANTICS[stage.kind],
            spec=substitute(words.plain, changes),
            reads=tuple(sorted(reads)),
        )
        ref = document.ref
        self._underway.pop()
        self.known[key] = ref
        self._documents.setdefault(ref, document)
        self._members.setdefault(ref, []).append(
            Member(
                arm=instance.arm,
                coordinates=dict(instance.coordinates),
                stage=name,
                replicates=instance.replicates,
            )
        )
        return ref

    def _of(self, stage: Stage) -> "_Words":
        known = self._words.get(id(stage))
        if known is None:
            known = (stage, _Words.of(stage))
            self._words[id(stage)] = known
        return known[1]

    def _target(self, instance: Instance, stage: Stage, reference: Reference) -> ArtifactRef:
        arm, _, name = reference.target.rpartition("/")
        where = f"{instance.label}, stage {stage.name}, {'.'.join(str(part) for part in reference.path)}"
        target = self._instance(instance, arm, where) if arm else instance
        found = target.stages.get(name)
        if found is None:
            names = list(target.stages)
            raise SpecError(
                where,
                f"found {reference.target!r}, expected a stage of {target.arm}: {', '.join(names)}",
                did_you_mean(name, names, "Name one of them."),
            )
        if found.kind not in reference.refers.kinds:
            kinds = " or ".join(kind.value for kind in reference.refers.kinds)
            raise SpecError(
                where,
                f"found {reference.target!r}, a {found.kind.value} stage, expected a {kinds} stage",
                "Name another stage.",
            )
        _check_kept(reference, found, where)
        return self.document(target, name)

    def _instance(self, instance: Instance, arm: str, where: str) -> Instance:
        candidates = self._arms.get(arm)
        if candidates is None:
            raise SpecError(
                where,
                f"found arm {arm!r}, expected one of {', '.join(self._arms)}",
                did_you_mean(arm, list(self._arms), "Name an arm."),
            )
        shared = {axis for axis, _ in candidates[0].coordinates} & {axis for axis, _ in instance.coordinates}
        point = frozenset(item for item in instance.coordinates if item[0] in shared)
        exact = self._points.get((arm, point))
        if exact is not None:
            return exact
        raise SpecError(
            where,
            f"found no single {arm} at {dict(point) or 'the same coordinates'}, expected one: it varies over "
            f"{', '.join(axis for axis, _ in candidates[0].coordinates)}",
            "Refer to an arm that varies over the same axes and values, or give both the same axis.",
        )


@dataclass(frozen=True, kw_only=True)
class _Words:
    """A stage's identity before references and inputs are put in."""

    plain: Plain
    references: tuple[tuple[Path, Reference], ...]
    outside: tuple[tuple[Path, OutsideInput], ...]

    @classmethod
    def of(cls, stage: Stage) -> "_Words":
        return cls(
            plain=identity(stage.body),
            references=tuple((item.path, item) for item in references(stage.body)),
            outside=tuple((item.path, item) for item in outside_inputs(stage.body)),
        )


def _check_kept(reference: Reference, target: Stage, where: str) -> None:
    """Refuse a reference to a split or a checkpoint that its stage does not make."""
    split = getattr(reference.holder, "split", None)
    if split is not None and isinstance(target.body, Clean):
        parts = [part.name for step in target.body.steps if step.split for part in step.split.parts]
        if split not in parts:
            raise SpecError(
                where,
                f"found split {split!r} of {target.name}, expected one of {', '.join(parts) or 'none: it has no split step'}",
                "Name one, or add a split step.",
            )
    if (
        isinstance(reference.holder, ModelRef)
        and reference.holder.checkpoint
        and isinstance(target.body, Train)
    ):
        checkpoint, kept = reference.holder.checkpoint, target.body.checkpoints
        fits = kept is not None and (
            (
                checkpoint.epoch is not None
                and kept.every_epochs is not None
                and _reached(checkpoint.epoch, kept.every_epochs, target.body)
            )
            or (checkpoint.rows is not None and kept.rows is not None and checkpoint.rows in kept.rows)
            or (checkpoint.slice is not None and kept.slices is not None and checkpoint.slice <= kept.slices)
        )
        if not fits:
            raise SpecError(
                where,
                f"found checkpoint {checkpoint.model_dump(exclude_none=True)} of {target.name}, which does not keep it",
                f"Let {target.name} keep it by train.checkpoints.",
            )


def _reached(epoch: float, every: float, train: Train) -> bool:
    """Whether a training keeps a model after so many epochs: a multiple of `every`, and not beyond the last."""
    times = epoch / every
    return abs(times - round(times)) < 1e-9 and (
        train.steps_of is not None or epoch <= (train.epochs or 1) + 1e-9
    )
