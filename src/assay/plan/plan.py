"""The Plan: an experiment compiled to distinct stages. A value: what it says never changes."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from pydantic import Field

from assay.api.compare import Published
from assay.artifacts.canonical import digest
from assay.artifacts.documents import ARTIFACT, ArtifactRef, Document, Location, StageDocument
from assay.artifacts.kinds import Kind

_MOST_ARMS = 2  # a stage of more arms goes by its own name
_REF = re.compile(rf"(?<!stages/)\b{ARTIFACT.pattern}\b")  # below `stages/` it is part of a path


class Member(Document):
    """A stage as one arm at one point of the matrix knows it."""

    arm: str
    coordinates: dict[str, str] = Field(default_factory=dict, description="Axis → value.")
    stage: str
    replicates: tuple[str, ...] = Field((), description="Axes along which it is a whole new run of the same.")

    @property
    def point(self) -> dict[str, str]:
        """Its coordinates without those of replicates: where its runs are runs of one thing."""
        return {axis: value for axis, value in self.coordinates.items() if axis not in self.replicates}

    @property
    def label(self) -> str:
        """Such as `with-refusals/sft[seed=1]`."""
        inside = ",".join(f"{axis}={value}" for axis, value in self.coordinates.items())
        return f"{self.arm}/{self.stage}[{inside}]" if inside else f"{self.arm}/{self.stage}"


class PlannedStage(Document):
    """One distinct piece of work, and all who want it."""

    document: StageDocument
    members: tuple[Member, ...] = Field(description="Who wants it; the first gives it its label.")

    @cached_property
    def ref(self) -> ArtifactRef:
        """What it writes."""
        return self.document.ref

    @property
    def kind(self) -> Kind:
        """What it does."""
        return self.document.kind

    @property
    def reads(self) -> tuple[ArtifactRef, ...]:
        """What it reads."""
        return tuple(ArtifactRef(ref) for ref in self.document.reads)

    @property
    def label(self) -> str:
        """A name for people: what its members have in common, such as `with-refusals+null/cleaned` or `texts`."""
        first, arms = self.members[0], list(dict.fromkeys(member.arm for member in self.members))
        shared = set(first.coordinates.items()).intersection(
            *(member.coordinates.items() for member in self.members)
        )
        inside = {axis: value for axis, value in first.coordinates.items() if (axis, value) in shared}
        label = Member(arm="+".join(arms), coordinates=inside, stage=first.stage).label
        return label if len(arms) <= _MOST_ARMS else label.partition("/")[2]


class Plan(Document):
    """All distinct stages in an order in which none precedes what it reads."""

    experiment: str = Field(description="`<namespace>/<name>`.")
    stages: tuple[PlannedStage, ...]
    locations: dict[str, Location] = Field(
        description="Content identity of an outside input → where it lies."
    )
    execution: dict[str, Any] = Field(description="`spec.execution`, whole.")
    notes: tuple[str, ...] = Field((), description="What a reader should know.")
    published: tuple[Published, ...] = Field((), description="`spec.published`.")

    @cached_property
    def by_ref(self) -> Mapping[ArtifactRef, PlannedStage]:
        """The stages by what they write."""
        return {stage.ref: stage for stage in self.stages}

    @cached_property
    def separate(self) -> dict[Kind, tuple[int, int]]:
        """Of each kind, how many stages there would be if every arm ran by itself at every point, and how many there are."""
        found: dict[Kind, tuple[int, int]] = {}
        for stage in self.stages:
            if stage.kind is not Kind.COMPARE:
                wanted, distinct = found.get(stage.kind, (0, 0))
                found[stage.kind] = wanted + len(stage.members), distinct + 1
        return found

    def told(self, text: str) -> str:
        """Return a text for people: stages by their labels, others' by the beginning of their fingerprints."""

        def label(found: re.Match[str]) -> str:
            stage = self.by_ref.get(ArtifactRef(found[0]))
            return stage.label if stage else f"{found[1]}/{found[2][:12]}…"

        return _REF.sub(label, text)

    def locations_of(self, document: StageDocument) -> dict[str, Location]:
        """Say where the outside inputs of one stage lie."""
        wanted = set(_strings(document.spec))
        return {identity: location for identity, location in self.locations.items() if identity in wanted}

    @property
    def digest(self) -> str:
        """Identifies the plan, wherever and how it runs: 64 hexadecimal digits. What a later version adds changes none."""
        said = self.model_dump(mode="json", by_alias=True, exclude={"execution"}, exclude_defaults=True)
        return digest("assay.plan/1", said)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
