"""A bench for programs: a trust domain in a folder, in which stages are made, done or carried out."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from assay.artifacts.documents import (
    ArtifactRef,
    Attempt,
    Failure,
    Location,
    OutputFile,
    Outputs,
    Provenance,
    Record,
    SourceFile,
    StageDocument,
)
from assay.artifacts.kinds import SEMANTICS, Kind
from assay.artifacts.layout import claim_key, data_key, failure_key, stage_document_key
from assay.stores.files import sha256_of
from assay.stores.folder import FolderStore
from assay.stores.records import load_record, publish

START = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "and",
    "then",
    "it",
    "went",
    "home",
    "because",
    "of",
    "rain",
    "while",
    "dogs",
    "run",
    "in",
    "parks",
]


@dataclass
class Bench:
    """A store, files beside it, and what stands on them."""

    store: FolderStore
    folder: Path
    locations: dict[str, Location] = field(default_factory=dict)

    def outside(self, *paths: Path) -> str:
        """Make files an outside input, and return its content identity."""
        files = [
            SourceFile(
                uri=path.as_uri(),
                path=path.name,
                size=path.stat().st_size,
                identity=f"sha256:{sha256_of(path)}",
            )
            for path in paths
        ]
        identity = "sha256:" + hashlib.sha256("".join(file.identity for file in files).encode()).hexdigest()
        self.locations[identity] = Location(uri=files[0].uri, files=tuple(files))
        return identity

    def lines(self, name: str, *lines: str) -> str:
        """Make a text file an outside input."""
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return self.outside(path)

    def stage(self, kind: Kind, spec: dict[str, Any]) -> StageDocument:
        """Plan a stage; what it reads is found in its spec."""
        document = StageDocument(
            kind=kind, semantics=SEMANTICS[kind], spec=spec, reads=tuple(sorted(set(_refs(spec))))
        )
        self.store.put(stage_document_key(document.ref), document.encode())
        return document

    def done(
        self, kind: Kind, spec: dict[str, Any], files: Path | None = None, **summary: Any
    ) -> ArtifactRef:
        """Make a stage that is done, with the files below a folder as its outputs."""
        return self.finish(self.stage(kind, spec), files, **summary)

    def finish(
        self,
        document: StageDocument,
        files: Path | None = None,
        *,
        environment: dict[str, Any] | None = None,
        took: timedelta = timedelta(),
        **summary: Any,
    ) -> ArtifactRef:
        """Publish the record of a stage, with the files below a folder as its outputs."""
        outputs = {}
        for path in sorted(path for path in files.rglob("*") if path.is_file()) if files else ():
            name = path.relative_to(files).as_posix()
            self.store.upload(data_key(document.ref, 1, name), path)
            outputs[name] = OutputFile(size=path.stat().st_size, sha256=sha256_of(path))
        provenance = Provenance(
            attempt=1,
            inputs={},
            execution={},
            environment=environment or {},
            started_at=START,
            finished_at=START + took,
        )
        publish(
            self.store,
            Record(identity=document, outputs=Outputs(files=outputs, summary=summary), provenance=provenance),
        )
        return document.ref

    def claimed(
        self, kind: Kind, spec: dict[str, Any], *, attempt: int = 1, **execution: Any
    ) -> tuple[ArtifactRef, list[str]]:
        """Claim an attempt at a stage; returns what it writes, and the arguments of its program."""
        document = self.stage(kind, spec)
        claim = Attempt(
            number=attempt,
            owner="test",
            claimed_at=START,
            execution=execution,
            locations=self.locations,
        )
        self.store.put(claim_key(document.ref, attempt), claim.encode())
        where = f"{self.store.uri}/stages/{document.ref}"
        return document.ref, ["--stage", where, "--attempt", str(attempt)]

    def run(
        self,
        main: Callable[[list[str]], int],
        kind: Kind,
        spec: dict[str, Any],
        *,
        attempt: int = 1,
        **execution: Any,
    ) -> "Outcome":
        """Carry out a stage as its pod would."""
        ref, argv = self.claimed(kind, spec, attempt=attempt, **execution)
        return Outcome(store=self.store, ref=ref, code=main(argv), attempt=attempt)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a stage."""

    store: FolderStore
    ref: ArtifactRef
    code: int
    attempt: int = 1

    @property
    def record(self) -> Record | None:
        return load_record(self.store, self.ref)

    @property
    def failure(self) -> Failure | None:
        failed = self.store.get(failure_key(self.ref, self.attempt))
        return None if failed is None else Failure.decode(failed)

    @property
    def summary(self) -> dict[str, Any]:
        assert self.record is not None, self.failure
        return self.record.outputs.summary

    def path(self, name: str) -> Path:
        """The local path of an output file."""
        assert self.record is not None, self.failure
        key = data_key(self.ref, self.record.provenance.attempt, name)
        return Path(self.store.uri.removeprefix("file://")) / key

    @property
    def refused(self) -> tuple[str, str]:
        assert self.failure is not None, self.record
        return self.failure.reason, self.failure.message


def _refs(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [ref for item in value.values() for ref in _refs(item)]
    if isinstance(value, list | tuple):
        return [ref for item in value for ref in _refs(item)]
    kinds = tuple(f"{kind.value}/" for kind in Kind)
    return [value] if isinstance(value, str) and value.startswith(kinds) and len(value) > 64 else []
