"""What the operator counts. No label names an experiment, and every label has a bounded set of values."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from assay.artifacts.kinds import Kind

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "Other"
REASONS = frozenset(  # of docs/failures.md
    {
        "AnswersMalformed",
        "BenchmarkMalformed",
        "BenchmarkUnavailable",
        "CheckpointMissing",
        "CheckpointUnreachable",
        "CodeExecutionNotAllowed",
        "CompileUnsupported",
        "ContextTooSmall",
        "DataMissing",
        "DeadlineExceeded",
        "EmptyDataset",
        "EmptySource",
        "HubRefused",
        "HubUnavailable",
        "Infrastructure",
        "InputDamaged",
        "InputMissing",
        "Interrupted",
        "ModelDamaged",
        "ModelMissing",
        "ModelNotFinite",
        "NaNLoss",
        "NotLaunched",
        "OutOfMemory",
        "OutputMalformed",
        "OutputsGone",
        "PackingUnsupported",
        "ProcessLost",
        "ProgramFailed",
        "ProgramNotAvailable",
        "RayUnavailable",
        "RecordNotTrusted",
        "RuleFailed",
        "SandboxLost",
        "SandboxUnavailable",
        "SequenceTooLong",
        "SourceChanged",
        "SourceUnreadable",
        "StateDamaged",
        "StoreRefused",
        "TemplateMissing",
        "TemplateUnfit",
        "TokenizerMissing",
        "TokenizerUnfit",
        "TooFewRows",
        "Unforeseen",
        "Unsupported",
        "Vanished",
        "WorkloadRefused",
    }
)
STATES = ("done", "running", "ready", "waiting", "failed", "blocked")
_VERBS = frozenset({"get", "list", "watch", "create", "put", "patch", "delete", "post", "head"})
_OUTCOMES = frozenset({"ok", "notFound", "conflict", "refused", "error"})
_ANSWERS = frozenset({"allowed", "refused", "late", "error"})
_KINDS = frozenset(kind.value for kind in Kind)
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._stages = Gauge(
            "assay_stages", "Stages of all experiments.", ("kind", "state"), registry=registry
        )
        self._launches = Counter("assay_launches", "Attempts launched.", ("kind",), registry=registry)
        self._failures = Counter(
            "assay_failures", "Attempts that failed.", ("kind", "reason"), registry=registry
        )
        self._wakeups = Histogram(
            "assay_wakeup_seconds",
            "Time of one wake-up of one experiment.",
            ("outcome",),
            registry=registry,
            buckets=_SECONDS,
        )
        self._queue = Gauge("assay_queue_depth", "Experiments that are due and wait.", registry=registry)
        self._writes = Counter("assay_status_writes", "Status writes.", ("outcome",), registry=registry)
        self._requests = Histogram(
            "assay_request_seconds",
            "Requests to the API server.",
            ("verb", "outcome"),
            registry=registry,
            buckets=_SECONDS,
        )
        self._admissions = Counter("assay_admissions", "Admission answers.", ("answer",), registry=registry)
        self._leader = Gauge("assay_leader", "Whether this replica leads.", registry=registry)

    def stages(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Set how many stages there are by kind and state; pairs not given are 0."""
        for kind in sorted(_KINDS):
            for state in STATES:
                self._stages.labels(kind, state).set(counts.get((kind, state), 0))

    def launched(self, kind: str) -> None:
        """Count a launch."""
        self._launches.labels(_known(kind, _KINDS)).inc()

    def failed(self, kind: str, reason: str) -> None:
        """Count a failure; a reason that is not documented counts as Other."""
        self._failures.labels(_known(kind, _KINDS), _known(reason, REASONS)).inc()

    @contextmanager
    def wakeup(self) -> Iterator[None]:
        """Time a wake-up; an exception makes its outcome `error`."""
        began, outcome = time.monotonic(), "error"
        try:
            yield
            outcome = "ok"
        finally:
            self._wakeups.labels(outcome).observe(time.monotonic() - began)

    def requested(self, verb: str, outcome: str, seconds: float) -> None:
        """Count a request to the API server."""
        self._requests.labels(_known(verb, _VERBS), _known(outcome, _OUTCOMES)).observe(seconds)

    def queued(self, depth: int) -> None:
        """Set the queue's depth."""
        self._queue.set(depth)

    def wrote_status(self, *, well: bool) -> None:
        """Count a status write."""
        self._writes.labels("ok" if well else "error").inc()

    def admitted(self, answer: str) -> None:
        """Count an admission: allowed, refused, late or error."""
        self._admissions.labels(_known(answer, _ANSWERS)).inc()

    def leads(self, *, whether: bool) -> None:
        """Say whether this replica leads."""
        self._leader.set(int(whether))

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)


def _known(word: str, known: frozenset[str]) -> str:
    return word if word in known else OTHER
