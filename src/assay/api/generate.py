"""The generate stage: a model answers prompts; the answers are a dataset."""

from typing import Literal

from pydantic import Field

from assay.api.model import DataRef, ModelRef, Seed, SpecModel


class Prompts(DataRef):
    """The prompts: each chat up to its last assistant turn."""

    limit: int | None = Field(
        None, ge=1, description="Only so many, the smallest row ids first; absent: all."
    )


class Generate(SpecModel):
    """Answers to prompts."""

    model: ModelRef = Field(description="Who answers.")
    checkpoints: Literal["one", "all"] = Field(
        "one", description="The referred model only, or each that its stage kept."
    )
    prompts: Prompts = Field(description="What is asked.")
    temperature: float = Field(0, ge=0, le=10, description="0 takes the likeliest token; above, sampling.")
    top_p: float = Field(1, gt=0, le=1, description="Share of probability mass sampled from.")
    max_tokens: int = Field(256, ge=1, le=131072, description="Longest answer, in tokens.")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="Compute precision.")
    seed: Seed = Field(0, description="Drives sampling.")
