"""The port: outside inputs, looked up once before anything starts."""

from typing import Protocol

from assay.plan.compile import Resolved
from assay.plan.identity import OutsideInput


class Sources(Protocol):
    """Resolves URIs to content identities."""

    def resolve(self, wanted: OutsideInput) -> Resolved:
        """Return what the URI holds now.

        Raises:
            SpecError: nothing is there, it is empty, or the profile does not allow it.

        """
        ...
