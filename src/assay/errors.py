"""The errors a user can act on.

Every message has three parts: where it went wrong, what was found against what was expected, and what to do.
`SpecError` is the author's to mend, `StoreError` and `StageError` the platform's or the data's, `BugError` ours.
"""

import copyreg
from enum import StrEnum
from typing import Any


class Retry(StrEnum):
    """Whether another attempt at the same stage may succeed."""

    NEVER = "never"  # the same inputs fail the same way
    LATER = "later"  # the surroundings failed: node, network, disk, eviction


class AssayError(Exception):
    """A failure told in three parts.

    Attributes:
        where: the field path, stage or object concerned, such as `spec.pipeline[0].clean.steps`.
        found: what was found, against what was expected.
        do: what the reader can do about it.

    """

    def __init__(self, where: str, found: str, do: str) -> None:
        self.where = where
        self.found = found
        self.do = do
        super().__init__(f"{where}: {found}. {do}")

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled, on the way from a worker: constructors want other arguments than `args`, so none is called."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class SpecError(AssayError):
    """The experiment or profile as written cannot be carried out."""


class SpecErrors(SpecError):
    """Several faults of one spec, told together so that one round of mending is enough."""

    def __init__(self, faults: list[SpecError]) -> None:
        self.faults = faults
        first = faults[0]
        Exception.__init__(self, "\n".join(str(fault) for fault in faults))
        self.where, self.found, self.do = first.where, first.found, first.do


class StoreError(AssayError):
    """The object store refused, is full, lacks what assay needs, or holds what it should not."""


class ClusterError(AssayError):
    """The Kubernetes API refused, or did not answer.

    Attributes:
        status: the HTTP status, 0 when there was no answer.

    """

    def __init__(self, where: str, found: str, do: str, *, status: int = 0) -> None:
        super().__init__(where, found, do)
        self.status = status


class StageError(AssayError):
    """A stage cannot go on; becomes its attempt's `failure.json`.

    Attributes:
        reason: a CamelCase word, listed in docs/failures.md, such as `SourceChanged`.
        retry: whether another attempt may succeed.

    """

    def __init__(self, reason: str, where: str, found: str, do: str, *, retry: Retry = Retry.NEVER) -> None:
        self.reason = reason
        self.retry = retry
        super().__init__(where, found, do)


class BugError(AssayError):
    """An impossibility: a fault in assay itself. Please report it."""
