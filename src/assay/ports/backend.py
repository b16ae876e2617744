"""The port: something that can run a stage's program somewhere."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from assay.artifacts.documents import ArtifactRef, Attempt
from assay.artifacts.kinds import Kind
from assay.reconcile.facts import Capacity, Obstacle, Sight

Key = tuple[ArtifactRef, int]
"""An attempt at a stage, by number."""


class Backend(Protocol):
    """Launches attempts and says how they fare.

    It never retries: every restart is a new attempt, decided elsewhere. It may forget everything when its process ends;
    what it launched is then told from the attempt's owner.
    """

    @property
    def owner(self) -> str:
        """What its claims are signed with; unique to this launcher."""
        ...

    def capacity(self) -> Capacity:
        """Return what can run at once."""
        ...

    def obstacles(self) -> Mapping[Kind, Obstacle]:
        """Say which kinds of stages cannot be launched now."""
        ...

    def launch(self, store_uri: str, ref: ArtifactRef, attempt: Attempt) -> None:
        """Start the program of a claimed attempt, or let it show as ended or absent. Launching twice is launching once."""
        ...

    def sights(self, attempts: Iterable[tuple[ArtifactRef, Attempt]]) -> Mapping[Key, Sight]:
        """Say of each attempt whether it runs."""
        ...

    def held(self) -> frozenset[Key]:
        """Name the attempts that this launcher's interest keeps alive."""
        ...

    def approved(self) -> frozenset[str]:
        """Return the digests of the plans that somebody has approved who may."""
        ...

    def join(self, key: Key) -> None:
        """Add this launcher's interest to what carries an attempt."""
        ...

    def leave(self, key: Key) -> None:
        """Take this launcher's interest away; what nobody wants any more is ended."""
        ...
