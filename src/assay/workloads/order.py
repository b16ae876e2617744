"""What a workload is made from."""

from dataclasses import dataclass

from assay.api.profile import ProfileSpec
from assay.artifacts.documents import ArtifactRef, Attempt


@dataclass(frozen=True, kw_only=True)
class Owner:
    """An experiment in the cluster that wants the workload."""

    name: str
    uid: str


@dataclass(frozen=True, kw_only=True)
class Order:
    """A claimed attempt, and where it is to run."""

    ref: ArtifactRef
    attempt: Attempt
    store_uri: str
    namespace: str
    owner: Owner
    profile: ProfileSpec
