"""The Approval: somebody who may has agreed that a plan is carried out. A kind of its own, so that the right to it is one too."""

from typing import Annotated, Literal

from pydantic import Field

from assay.api.experiment import Metadata
from assay.api.model import SpecModel

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", min_length=64, max_length=64)]


class ApprovalSpec(SpecModel):
    """What is approved."""

    plan: Digest = Field(description="The plan's digest, as the Experiment's status has it.")
    comment: str | None = Field(None, max_length=1024, description="Why, for people.")


class Approval(SpecModel):
    """Agreement that the plan of the Experiment of the same name is carried out."""

    api_version: Literal["assay.dev/v1alpha1"] = Field(description="`assay.dev/v1alpha1`.")
    kind: Literal["Approval"] = Field(description="`Approval`.")
    metadata: Metadata = Field(description="Standard object metadata.")
    spec: ApprovalSpec = Field(description="What is approved.")
