"""From an expanded experiment and its resolved outside inputs to a Plan: one stage per fingerprint.

Pure: the same experiment and the same content give the same plan, whatever the names of files, the order of arms or
the machine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from assay.api.experiment import Experiment, Stage
from assay.artifacts.documents import ArtifactRef, Location, StageDocument
from assay.artifacts.kinds import SEMANTICS
from assay.errors import SpecError
from assay.plan.arms import Expansion, Instance
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
from assay.plan.targets import Targets
from assay.plan.unsafe import unsafe_notes


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


def compile_plan(experiment: Experiment, expansion: Expansion, resolved: Mapping[str, Resolved]) -> Plan:
    """Compile an experiment that was expanded and whose outside inputs are resolved (a mapping by `OutsideInput.key`).

    Raises:
        SpecError: a reference leads nowhere, to the wrong kind, in a circle, or asks for what its stage does not keep.

    """
    compiler = _Compiler(expansion, resolved)
    for instance in expansion.instances:
        for name in instance.stages:
            compiler.document(instance, name)
    comparisons = compare_stages(experiment.spec.compare, expansion.instances, compiler.known)
    stages = tuple(compiler.stages())
    return Plan(
        experiment=f"{experiment.metadata.namespace}/{experiment.metadata.name}",
        stages=(*stages, *comparisons),
        locations={item.identity: item.location for item in resolved.values()},
        execution=experiment.spec.execution.model_dump(mode="json", by_alias=True),
        notes=(*expansion.notes, *unsafe_notes(stages)),
        published=experiment.spec.published,
    )


class _Compiler:
    """Fingerprints stages, those that are read before those that read them."""

    def __init__(self, expansion: Expansion, resolved: Mapping[str, Resolved]) -> None:
        self._resolved = resolved
        self._targets = Targets(expansion.instances)
        self._words: dict[int, tuple[Stage, _Words]] = {}
        self.known: dict[tuple[str, str], ArtifactRef] = {}  # (instance label, stage name) → what it writes
        # of a stage that reads so: `_words` keeps it
        self._refs: dict[tuple[int, tuple[str, ...]], ArtifactRef] = {}
        self._documents: dict[ArtifactRef, StageDocument] = {}
        self._members: dict[ArtifactRef, list[Member]] = {}

    def stages(self) -> Iterator[PlannedStage]:
        """Yield the distinct stages in the order in which they were fingerprinted."""
        for ref, document in self._documents.items():
            yield PlannedStage(document=document, members=tuple(self._members[ref]))

    def document(self, instance: Instance, name: str) -> None:
        """Fingerprint one stage of one instance, and before it all that it reads; chains may be long."""
        underway = {(instance.label, name): instance}
        while underway:
            (label, stage), at = next(reversed(underway.items()))
            reads = [] if (label, stage) in self.known else self._targets_of(at, stage)
            ahead = next((item for item in reads if (item[1].label, item[2]) not in self.known), None)
            if ahead is None:
                if (label, stage) not in self.known:
                    self._fingerprint(at, stage, reads)
                del underway[label, stage]
                continue
            key = (ahead[1].label, ahead[2])
            if key in underway:
                _refuse_circle(list(underway), key)
            underway[key] = ahead[1]

    def _targets_of(self, instance: Instance, name: str) -> list[tuple[Path, Instance, str]]:
        stage = instance.stages[name]
        return [
            (place, *self._targets.of(instance, stage, reference))
            for place, reference in self._of(stage).references
        ]

    def _fingerprint(self, instance: Instance, name: str, reads: list[tuple[Path, Instance, str]]) -> None:
        stage = instance.stages[name]
        refs = {place: str(self.known[target.label, target_name]) for place, target, target_name in reads}
        key = (id(stage), tuple(refs.values()))
        ref = self._refs.get(key)
        if ref is None:
            document = self._made(stage, refs)
            ref = self._refs[key] = document.ref
            self._documents.setdefault(ref, document)
        self.known[instance.label, name] = ref
        self._members.setdefault(ref, []).append(
            Member(
                arm=instance.arm,
                coordinates=dict(instance.coordinates),
                stage=name,
                replicates=instance.replicates,
            )
        )

    def _made(self, stage: Stage, refs: Mapping[Path, str]) -> StageDocument:
        words = self._of(stage)
        changes: dict[Path, str] = {place: self._resolved[item.key].identity for place, item in words.outside}
        return StageDocument(
            kind=stage.kind,
            semantics=SEMANTICS[stage.kind],
            spec=substitute(words.plain, {**changes, **refs}),
            reads=tuple(sorted(set(refs.values()))),
        )

    def _of(self, stage: Stage) -> "_Words":
        known = self._words.get(id(stage))
        if known is None:
            known = (stage, _Words.of(stage))
            self._words[id(stage)] = known
        return known[1]


def _refuse_circle(underway: list[tuple[str, str]], key: tuple[str, str]) -> None:
    labels = [f"{label}/{stage}" for label, stage in [*underway[underway.index(key) :], key]]
    raise SpecError(
        f"stage {labels[0]}",
        f"found a circle {' → '.join(labels)}, expected none",
        "Break it: a stage may not read what reads it.",
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
