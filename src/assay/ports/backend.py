"""The port: something that can run a stage's program somewhere."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from assay.artifacts.documents import ArtifactRef, Attempt
from assay.reconcile.facts import Capacity, Phase


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

    def launch(self, store_uri: str, ref: ArtifactRef, attempt: Attempt) -> None:
        """Start the program of a claimed attempt, or let it show as gone."""
        ...

    def phases(
        self, attempts: Iterable[tuple[ArtifactRef, Attempt]]
    ) -> Mapping[tuple[ArtifactRef, int], Phase]:
        """Say of each attempt, by (ref, number), whether it runs."""
        ...

    def wait(self, until: datetime) -> None:
        """Return when something it launched ended, or at `until` (aware, UTC), whichever is first."""
        ...

    def stop(self) -> None:
        """Ask all that it launched to end, and return when they have; what does not end in time is killed."""
        ...
