"""The facts that a decision may use, gathered elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from assay.artifacts.documents import ArtifactRef, Failure
from assay.artifacts.kinds import Kind
from assay.errors import Retry
from assay.reconcile.terms import Terms


class Phase(StrEnum):
    """What a launcher sees of an attempt's program."""

    RUNNING = "running"  # it runs, or something waits to run it
    ENDED = "ended"  # it certainly does not run any more, or never did
    ABSENT = "absent"  # nothing is there to run it: taken away, or not made yet
    UNKNOWN = "unknown"  # launched elsewhere: only its heartbeat tells


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What a backend sees of an attempt."""

    phase: Phase
    waits: bool = False  # it does not run yet
    note: str = ""  # why, for people, where it is more than a moment's start: a full queue, no node
    joined: bool = True  # whether what carries it knows this launcher's interest


@dataclass(frozen=True, kw_only=True, slots=True)
class AttemptFact:
    """One try at a stage."""

    number: int
    claimed_at: datetime
    last_sign_of_life: datetime
    sight: Sight
    mine: bool  # claimed by this launcher: counts against its capacity
    started: bool = True  # its program showed a sign of life
    failure: Failure | None = None
    gpus: int = 0  # that what carries it holds
    began: datetime | None = None  # holding them, as far as is known
    ended: datetime | None = None

    def gpu_hours(self, now: datetime) -> float:
        """Return how much it has held so far."""
        runs = self.phase is Phase.RUNNING and not self.sight.waits
        if not (self.gpus and (runs or self.started)):
            return 0.0
        until = self.ended or (now if runs else self.last_sign_of_life)
        return self.gpus * max(0.0, (until - (self.began or self.claimed_at)).total_seconds()) / 3600

    @property
    def phase(self) -> Phase:
        """Whether its program runs."""
        return self.sight.phase

    @property
    def failed_for_good(self) -> bool:
        """Whether its failure stands, though what carries it be still there.

        A queue's manager stops a workload and runs it again as the same attempt; meanwhile its program has told that it was stopped,
        or lost the others.
        """
        return self.failure is not None and self.failure.retry is Retry.NEVER


@dataclass(frozen=True, kw_only=True, slots=True)
class StageFact:
    """What the store and the backend say of one stage."""

    done: bool = False
    damage: str | None = None  # its record is there, but what it names is not
    image: str = ""  # of the attempt that made its record, with its digest; empty on no cluster
    attempts: tuple[AttemptFact, ...] = ()  # by number


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one attempt takes."""

    cpus: float
    memory_gib: float
    gpus: int | None = None  # None: nobody counts


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What can run at once."""

    cpus: float
    memory_gib: float
    stages: int


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why no stage of a kind can be launched now, whatever its inputs."""

    reason: str  # a CamelCase word, such as QueueNotHonoured
    message: str


@dataclass(frozen=True, kw_only=True)
class Observed:
    """All facts of one wake-up."""

    stages: Mapping[ArtifactRef, StageFact]
    capacity: Capacity
    obstacles: Mapping[Kind, Obstacle] = field(default_factory=dict)
    held: frozenset[tuple[ArtifactRef, int]] = (
        frozenset()
    )  # attempts that this launcher's interest keeps alive
    approved: frozenset[str] = frozenset()  # digests of plans, by whoever may


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a launcher holds to."""

    since: datetime  # failures of attempts claimed before it do not count: the user asked again
    retries: int = 3
    stale_seconds: float = 60  # without a sign of life, an attempt launched elsewhere is given up
    poll_seconds: float = 1  # between looks at what runs elsewhere, or waits to run
    backoff_seconds: float = 2  # before the second attempt; doubles with each, up to a minute
    suspended: bool = False
    trusted: frozenset[str] = frozenset()  # digests of images whose records are used; empty: any
    terms: Terms = field(default_factory=Terms)
    needs: Mapping[Kind, Need] = field(default_factory=dict)
