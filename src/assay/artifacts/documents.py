"""The documents of a stage, in the order in which they come to exist.

`stage.json` (what it is) → `attempts/<n>/attempt.json` (who tries it, and how) → `heartbeat.json`, `progress.json`
(how it goes) → `record.json` (it is done) or `attempts/<n>/failure.json` (it is not). The record is written last, by
conditional PUT, and its presence is the only meaning of done.
"""

import re
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from assay.artifacts.canonical import canonical_json, digest
from assay.artifacts.kinds import SEMANTICS, Kind
from assay.errors import BugError, Retry


class Document(BaseModel):
    """A closed, frozen JSON document with camelCase names."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        ser_json_inf_nan="constants",
    )

    def encode(self) -> bytes:
        """Encode canonically; absent optional members are left out."""
        return canonical_json(self.model_dump(mode="json", by_alias=True, exclude_none=True))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode and validate."""
        return cls.model_validate_json(data)


class ArtifactRef(str):
    """Names an artifact as `<kind>/<fingerprint>`: how a resolved spec refers to what a stage reads."""

    __slots__ = ()

    @property
    def kind(self) -> Kind:
        """The kind of the stage that writes it."""
        return Kind(self.split("/")[0])

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the stage that writes it: 64 hexadecimal digits."""
        return self.split("/")[1]


ARTIFACT = re.compile(rf"({'|'.join(Kind)})/([0-9a-f]{{64}})")


def is_artifact(value: object) -> bool:
    """Say whether a value is spelled as an `ArtifactRef`."""
    return isinstance(value, str) and ARTIFACT.fullmatch(value) is not None


class StageDocument(Document):
    """`stage.json`: a stage's identity, whole, and nothing else.

    In `spec` every reference to another stage is an `ArtifactRef` and every outside input is its content identity
    (`sha256:…`, `s3:…` or `hub:…`), so no name, place or time of a particular experiment is in it.
    A changed copy is made by construction: an identity is hashed once, and `model_copy` would carry the hash along.
    """

    kind: Kind
    semantics: int
    spec: dict[str, Any]
    reads: tuple[str, ...] = Field(description="ArtifactRefs of all that the stage reads, sorted.")

    @cached_property
    def fingerprint(self) -> str:
        """The stage's identity as 64 hexadecimal digits."""
        return digest("assay.stage/1", self.model_dump(mode="json", by_alias=True))

    @property
    def ref(self) -> ArtifactRef:
        """How others refer to what this stage writes."""
        return ArtifactRef(f"{self.kind.value}/{self.fingerprint}")

    @property
    def unsafe(self) -> tuple[str, ...]:
        """The names of its own sources that its author calls unsafe."""
        return tuple(source["name"] for source in self.spec.get("sources", ()) if source.get("unsafe"))

    def check_semantics(self) -> None:
        """Refuse to run a stage that was planned for another version of the program.

        Raises:
            BugError: the semantics numbers differ.

        """
        if self.semantics != SEMANTICS[self.kind]:
            raise BugError(
                f"stage {self.ref}",
                f"planned for semantics {self.semantics} of the {self.kind} program, this one is {SEMANTICS[self.kind]}",
                "Run it with the version of assay that planned it, or plan again.",
            )


class SourceFile(Document):
    """One file of an outside input, as it was when the plan was made."""

    uri: str
    path: str = Field(description="Its name below the input, unique there.")
    size: int = Field(description="Bytes.")
    identity: str = Field(description="`sha256:<hex>` of the content, or `s3:<etag>` of a large object.")


class Location(Document):
    """Where an outside input lies: execution, not identity."""

    uri: str = Field(description="As the spec names it, made absolute.")
    files: tuple[SourceFile, ...]


class Attempt(Document):
    """`attempt.json`: the claim on one try at a stage, and how it is carried out."""

    number: int
    owner: str = Field(description="Who launched it, such as `local/<host>/<pid>/<start>`.")
    claimed_at: datetime
    execution: dict[str, Any] = Field(
        default_factory=dict, description="Settings that change where and how, never what."
    )
    locations: dict[str, Location] = Field(
        default_factory=dict, description="Content identity → where it lies."
    )
    gpus: int | None = Field(None, description="GPUs that what carries it holds; absent: nobody counted.")


class Heartbeat(Document):
    """`heartbeat.json`: the program was alive then."""

    at: datetime


class Progress(Document):
    """`progress.json`: what the program does now."""

    doing: str = Field(description="A few words, such as `training` or `clean: exactDuplicates`.")
    done: float = 0
    total: float | None = None
    unit: str = Field(default="", description="What `done` and `total` count: rows, steps, items.")
    rate: float | None = Field(default=None, description="Units per second, lately.")
    figures: dict[str, float] = Field(default_factory=dict, description="Live figures such as `loss`.")


INTERRUPTED = "Interrupted"


class Failure(Document):
    """`failure.json`: why an attempt ended without a record."""

    reason: str = Field(description="A CamelCase word, such as `SourceChanged`.")
    message: str = Field(description="Three parts: where, what was found against expected, what to do.")
    retry: Retry

    @property
    def is_interruption(self) -> bool:
        """Whether the program was only asked to stop, which is nobody's fault and uses up no retry."""
        return self.reason == INTERRUPTED


class OutputFile(Document):
    """One file that a stage wrote."""

    size: int = Field(description="Bytes.")
    sha256: str


class Outputs(Document):
    """What a stage wrote, comparable between runs: no times, no attempt."""

    files: dict[str, OutputFile] = Field(description="Path below the attempt → content.")
    summary: dict[str, Any] = Field(
        description="The stage's own small figures, such as row counts; kind by kind."
    )


class Origin(Document):
    """What ran an attempt in a cluster, as its workload says."""

    image: str = Field(description="With its digest.")
    namespace: str
    workload: str = Field(description="Its name, such as `train-…-1`.")


class Provenance(Document):
    """How the record came to be: true, but not part of what it is."""

    origin: Origin | None = Field(None, description="Absent: it ran on no cluster.")
    attempt: int
    inputs: dict[str, str] = Field(description="ArtifactRef → digest of the outputs that were read.")
    execution: dict[str, Any]
    environment: dict[str, Any] = Field(
        description="The environment class: what may change figures in the last digits."
    )
    unsafe: tuple[str, ...] | None = Field(
        None, description="Names of the unsafe sources that it stems from; absent: none is."
    )
    figures: dict[str, float] = Field(
        {}, description="How the attempt went: speeds and memory, as the program measured them."
    )
    started_at: datetime
    finished_at: datetime

    @property
    def gpu(self) -> str:
        """The name of the GPU that it ran on; "" where it ran on none."""
        device = str(self.environment.get("device", "cpu"))
        return "" if device == "cpu" else device

    @property
    def gpus(self) -> int:
        """How many GPUs its processes ran on, one each."""
        return int(self.environment.get("processes", 1)) if self.gpu else 0


class Record(Document):
    """`record.json`: the stage is done."""

    identity: StageDocument
    outputs: Outputs
    provenance: Provenance

    @property
    def outputs_digest(self) -> str:
        """Digest of the outputs, as downstream records name them."""
        return digest(
            "assay.outputs/1", self.outputs.model_dump(mode="json", by_alias=True, exclude_none=True)
        )
