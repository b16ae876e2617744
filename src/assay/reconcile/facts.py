"""The facts that a decision may use, gathered elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from assay.artifacts.documents import ArtifactRef, Failure
from assay.artifacts.kinds import Kind


class Phase(StrEnum):
    """Whether an attempt's program runs."""

    RUNNING = "running"
    ENDED = "ended"  # it certainly does not run any more, or never did
    UNKNOWN = "unknown"  # launched elsewhere: only its heartbeat tells


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What a backend sees of an attempt."""

    phase: Phase
    note: str = ""  # why it does not run yet, for people, such as a full queue
    joined: bool = True  # whether this launcher's interest in what carries it is known there


@dataclass(frozen=True, kw_only=True)
class AttemptFact:
    """One try at a stage."""

    number: int
    claimed_at: datetime
    last_sign_of_life: datetime
    phase: Phase
    mine: bool  # launched by this launcher: counts against its capacity
    failure: Failure | None = None


@dataclass(frozen=True, kw_only=True)
class StageFact:
    """What the store and the backend say of one stage."""

    done: bool = False
    damage: str | None = None  # its record is there, but what it names is not
    attempts: tuple[AttemptFact, ...] = ()  # by number


@dataclass(frozen=True, kw_only=True)
class Need:
    """What one attempt takes."""

    cpus: float
    memory_gib: float


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What can run at once."""

    cpus: float
    memory_gib: float
    stages: int


@dataclass(frozen=True, kw_only=True)
class Observed:
    """All facts of one wake-up."""

    stages: Mapping[ArtifactRef, StageFact]
    capacity: Capacity


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a launcher holds to."""

    since: datetime  # failures of attempts claimed before it do not count: the user asked again
    retries: int = 3
    stale_seconds: float = 60  # without a sign of life, an attempt launched elsewhere is given up
    backoff_seconds: float = 2  # before the second attempt; doubles with each, up to a minute
    suspended: bool = False
    needs: Mapping[Kind, Need] = field(default_factory=dict)
