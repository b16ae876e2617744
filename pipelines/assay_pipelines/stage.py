"""What every program shares: read the stage, show signs of life, publish.

A program is `python -m assay_pipelines.<kind> --stage <store uri>/stages/<kind>/<fingerprint> --attempt <n>`. It gives
`run_program` a body that reads through a `StageRun`, writes files into `StageRun.output`, and returns a summary (or None,
where another process of the attempt goes on); the rest (heartbeat, progress, upload, the record written last, `failure.json`, exit codes) is done here, once. No program
knows what launched it.

Exit codes mirror `failure.json`: 0 done, 64 a failure that another attempt cannot mend, 75 one that it may, 70 a bug.
"""

import argparse
import hashlib
import json
import shutil
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import ValidationError

from assay.api.model import RESOLVED, SpecModel
from assay.artifacts.documents import (
    INTERRUPTED,
    ArtifactRef,
    Attempt,
    Failure,
    Location,
    OutputFile,
    Outputs,
    Progress,
    Provenance,
    Record,
    SourceFile,
    StageDocument,
)
from assay.artifacts.environment import environment, origin
from assay.artifacts.hub import HubPlace
from assay.artifacts.kinds import Kind
from assay.artifacts.layout import data_key
from assay.errors import AssayError, Retry, StageError, StoreError
from assay.stores.claims import beat, fail, go_on, read_claim, read_stage, write_progress
from assay.stores.files import sha256_of
from assay.stores.open import open_source, open_store
from assay.stores.records import DamagedOutput, download_output, load_record, publish
from assay.stores.resume import drop_resume
from assay.stores.store import Store
from assay_pipelines.deadline import deadline
from assay_pipelines.hub import fetched

Words = TypeVar("Words", bound=SpecModel)

HEARTBEAT_SECONDS = 10.0

EXIT_DONE = 0
EXIT_FAILED = 64
EXIT_BUG = 70
EXIT_TRY_AGAIN = 75

_FIGURES, _CLASS = "figures.json", "environment.json"  # in the scratch folder


@dataclass(frozen=True)
class Artifact:
    """What another stage wrote, on the local disk."""

    record: Record
    folder: Path  # holds the record's files under their own paths


@dataclass
class StageRun:
    """One attempt at one stage, as its program sees it."""

    store: Store
    stage: StageDocument
    attempt: Attempt
    scratch: Path
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    inputs: dict[str, str] = field(
        default_factory=dict
    )  # ArtifactRef → digest of outputs read; goes into the record

    @property
    def spec(self) -> dict[str, Any]:
        """The stage's resolved spec, camelCase, with ArtifactRefs and content identities in place of names and URIs."""
        return self.stage.spec

    def words(self, model: type[Words]) -> Words:
        """Return the spec typed by the model that its author wrote it in; references are ArtifactRefs, URIs identities.

        Raises:
            StageError: `Unsupported`: it says what the model does not allow.

        """
        try:
            return model.model_validate(self.spec, context=RESOLVED)
        except ValidationError as error:
            raise StageError(
                "Unsupported",
                "the stage's spec",
                "; ".join(fault["msg"] for fault in error.errors()),
                "Change the spec.",
            ) from error

    @property
    def execution(self) -> dict[str, Any]:
        """Settings that change where and how, never what: the stage kind's part of `spec.execution`, camelCase."""
        return self.attempt.execution

    @property
    def output(self) -> Path:
        """The folder whose files are published."""
        folder = self.scratch / "output"
        folder.mkdir(exist_ok=True)
        return folder

    def record(self, ref: str) -> Record:
        """Return the record of a stage that this one reads, without its files.

        Raises:
            StageError: `InputMissing`: it has no record now.

        """
        record = load_record(self.store, ArtifactRef(ref))
        if record is None:
            raise StageError(
                "InputMissing",
                f"stage {ref}",
                "found no record, expected one",
                "Run it again.",
                retry=Retry.LATER,
            )
        self.inputs[ref] = record.outputs_digest
        return record

    def artifact(self, ref: str, prefix: str = "") -> Artifact:
        """Bring the files of a stage that this one reads (those below `prefix`) to the local disk, verified.

        Raises:
            StageError: `InputMissing` or `InputDamaged`.

        """
        record = self.record(ref)
        folder = self.scratch / "inputs" / record.identity.fingerprint
        for path in record.outputs.files:
            local = folder / path
            if not path.startswith(prefix) or local.exists():
                continue
            try:
                download_output(self.store, record, path, local)
            except DamagedOutput as error:
                raise StageError("InputDamaged", error.where, error.found, error.do) from error
        return Artifact(record=record, folder=folder)

    def outside(self, identity: str) -> list[Path]:
        """Bring an outside input to the local disk: the files of one source, in order, verified against the plan.

        Raises:
            StageError: `SourceChanged`: the bytes are not those that the plan was made with; or what `hub.fetched` raises.

        """
        folder = self.scratch / "sources" / hashlib.sha256(identity.encode()).hexdigest()[:16]
        location = self.attempt.locations[identity]
        if place := HubPlace.parse(location.uri):
            return fetched(place, folder)
        return [_verified_source(file, folder / file.path) for file in location.files]

    def upload(self, path: Path) -> None:
        """Put a file below `output` into the store before the end; it must not change any more."""
        name = path.relative_to(self.output).as_posix()
        self.store.upload(data_key(self.stage.ref, self.attempt.number, name), path)
        file = OutputFile(size=path.stat().st_size, sha256=sha256_of(path))
        note = self._uploaded / hashlib.sha256(name.encode()).hexdigest()
        note.write_text(json.dumps([name, file.model_dump()]))

    def uploaded(self) -> dict[str, OutputFile]:
        """Return what `upload` has put into the store, by its path below `output`, in whichever process of the attempt."""
        notes = [json.loads(note.read_text()) for note in self._uploaded.iterdir()]
        return {name: OutputFile.model_validate(file) for name, file in notes}

    def measured(self, **figures: float) -> None:
        """Note how the attempt went, in speeds and memory, for the record's provenance."""
        (self.scratch / _FIGURES).write_text(json.dumps(figures))

    def ran_with(self, **settings: Any) -> None:
        """Note what else may move figures in the last digits, such as the GPU, for the record's environment class."""
        (self.scratch / _CLASS).write_text(json.dumps(settings))

    @property
    def _uploaded(self) -> Path:
        folder = self.scratch / "uploaded"
        folder.mkdir(exist_ok=True)
        return folder

    def progress(
        self,
        doing: str,
        *,
        done: float = 0,
        total: float | None = None,
        unit: str = "",
        rate: float | None = None,
        **figures: float,
    ) -> None:
        """Say what the program does now; shown live, kept nowhere else."""
        document = Progress(doing=doing, done=done, total=total, unit=unit, rate=rate, figures=figures)
        try:
            write_progress(self.store, self.stage.ref, self.attempt.number, document)
        except StoreError as error:  # what is shown live is worth no attempt
            print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log


def run_program(
    kind: Kind,
    body: Callable[[StageRun], dict[str, Any] | None],
    argv: list[str] | None = None,
    *,
    speaks: bool = True,
    tells: bool = True,
) -> int:
    """Carry out one attempt and return the exit code. `body` returns the record's summary.

    Of several processes that carry out an attempt together, one `speaks`; the others tell no more than a failure, and of
    failures the first that is told counts. One without which the attempt goes on `tells` not even that, but to its log.
    """
    parser = argparse.ArgumentParser(prog=f"python -m assay_pipelines.{kind.value}")
    parser.add_argument("--stage", required=True, help="<store uri>/stages/<kind>/<fingerprint>")
    parser.add_argument("--attempt", required=True, type=int)
    arguments = parser.parse_args(argv)
    store_uri, _, ref_text = arguments.stage.rpartition("/stages/")
    ref = ArtifactRef(ref_text)
    if threading.current_thread() is threading.main_thread():  # Ray Train runs programs in others
        signal.signal(signal.SIGTERM, _interrupted)
    started = datetime.now(UTC)
    try:
        store = open_store(store_uri)
    except StoreError as error:
        print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log; without the store nothing else can be told
        return EXIT_TRY_AGAIN
    failed = partial(_failed, store, ref, arguments.attempt if tells else None)
    stop = threading.Event()
    beating = threading.Thread(target=_beat, args=(store, ref, arguments.attempt, stop), daemon=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"assay-{kind.value}-"))
    locations: dict[str, Location] = {}
    try:
        if speaks:
            go_on(store, ref, arguments.attempt)
            beating.start()
        stage, attempt = read_stage(store, ref), read_claim(store, ref, arguments.attempt)
        locations |= attempt.locations
        stage.check_semantics()
        run = StageRun(store=store, stage=stage, attempt=attempt, scratch=scratch, started=started)
        with deadline(attempt.execution.get("deadlineHours"), failed):
            summary = body(run)
        if speaks and summary is not None:
            publish(store, _record(run, summary))
            _forget(store, ref)
    except AssayError as error:
        return failed(_failure(error, locations))
    except (KeyboardInterrupt, _Interrupted):
        return failed(_INTERRUPTED)
    except OSError as error:
        traceback.print_exc()
        message = (
            f"{ref}: found {error}, expected a working disk and network. Check them; another attempt follows."
        )
        return failed(Failure(reason="Infrastructure", message=message, retry=Retry.LATER))
    except Exception as error:  # noqa: BLE001 -- the outermost edge of the program
        traceback.print_exc()
        message = f"{ref}: found {type(error).__name__}: {error}. This is a bug or an unforeseen input; the log has the trace."
        return failed(Failure(reason="Unforeseen", message=message, retry=Retry.NEVER))
    finally:
        stop.set()
        shutil.rmtree(scratch, ignore_errors=True)
    return EXIT_DONE


def _forget(store: Store, ref: ArtifactRef) -> None:
    try:
        drop_resume(store, ref)
    except StoreError as error:  # the stage is done: what is left takes room, no more
        print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log


class _Interrupted(BaseException):
    """SIGTERM: end now, another attempt follows."""


_INTERRUPTED = Failure(
    reason=INTERRUPTED,
    message="the program: found a request to stop, expected to finish. Nothing needs doing: another attempt follows.",
    retry=Retry.LATER,
)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise _Interrupted


def _unsafe(run: StageRun) -> tuple[str, ...] | None:
    """Return the names of the unsafe sources that the stage stems from, as its inputs' records know them."""
    if run.stage.kind is Kind.COMPARE:  # it holds neither texts nor weights
        return None
    read = [load_record(run.store, ArtifactRef(ref)) for ref in run.stage.reads]
    names = {name for record in read if record is not None for name in record.provenance.unsafe or ()}
    return tuple(sorted(names.union(run.stage.unsafe))) or None


def _record(run: StageRun, summary: dict[str, Any]) -> Record:
    early = run.uploaded()
    for path in sorted(path for path in run.output.rglob("*") if path.is_file()):
        if path.relative_to(run.output).as_posix() not in early:
            run.upload(path)
    return Record(
        identity=run.stage,
        outputs=Outputs(files=dict(sorted(run.uploaded().items())), summary=summary),
        provenance=Provenance(
            origin=origin(),
            attempt=run.attempt.number,
            inputs=dict(sorted(run.inputs.items())),
            execution=run.execution,
            environment=environment() | _noted(run, _CLASS),
            unsafe=_unsafe(run),
            figures=_noted(run, _FIGURES),
            started_at=run.started,
            finished_at=datetime.now(UTC),
        ),
    )


def _noted(run: StageRun, name: str) -> dict[str, Any]:
    note = run.scratch / name
    noted: dict[str, Any] = json.loads(note.read_text()) if note.exists() else {}
    return noted


def _failure(error: AssayError, locations: Mapping[str, Location]) -> Failure:
    """Tell an error in the words of whoever wrote the spec: a stage's own spec has identities in place of URIs."""
    message = str(error)
    for identity, location in locations.items():
        message = message.replace(identity, location.uri)
    if isinstance(error, StageError):
        return Failure(reason=error.reason, message=message, retry=error.retry)
    if isinstance(error, StoreError):
        return Failure(reason="StoreRefused", message=message, retry=Retry.LATER)
    return Failure(reason=type(error).__name__, message=message, retry=Retry.NEVER)


def _failed(store: Store, ref: ArtifactRef, attempt: int | None, failure: Failure) -> int:
    """Tell a failure, of the attempt if one is given, and return the exit code."""
    print(failure.message, file=sys.stderr)  # noqa: T201 -- the attempt's log
    try:
        failure = failure if attempt is None else fail(store, ref, attempt, failure)
    except StoreError as error:
        print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log
    if failure.reason == "Unforeseen":
        return EXIT_BUG
    return EXIT_TRY_AGAIN if failure.retry is Retry.LATER else EXIT_FAILED


def _beat(store: Store, ref: ArtifactRef, attempt: int, stop: threading.Event) -> None:
    while True:
        try:
            beat(store, ref, attempt, datetime.now(UTC))
        except StoreError as error:
            print(error, file=sys.stderr)  # noqa: T201 -- the attempt's log; the next beat may succeed
        if stop.wait(HEARTBEAT_SECONDS):
            return


def _verified_source(file: SourceFile, local: Path) -> Path:
    """Copy one outside file (`file:///…` or `s3://bucket/key`) to the local disk, if it is still what was planned."""
    if local.exists():
        return local
    folder, _, name = file.uri.rpartition("/")
    source = open_source(folder)
    info = source.info(unquote(name) if file.uri.startswith("file:") else name)
    if info is not None:
        source.download(info.key, local)
        found = f"sha256:{sha256_of(local)}" if file.identity.startswith("sha256:") else f"s3:{info.etag}"
        if found == file.identity:
            return local
        local.unlink()
    raise StageError(
        "SourceChanged",
        file.uri,
        f"found {'other bytes' if info else 'nothing'}, expected the {file.size} bytes of when the plan was made",
        "Restore the file, or plan again: run the same command; in a cluster, `kubectl assay replan`.",
    )
