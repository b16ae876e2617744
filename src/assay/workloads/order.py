"""What a workload is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    spec: Mapping[str, Any] = field(
        default_factory=dict
    )  # the stage's own, of a program: its image and command
