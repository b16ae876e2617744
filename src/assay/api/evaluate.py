"""The evaluate stage: benchmarks, likelihoods and rates, item by item."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from assay.api.clean import RefusalLevel
from assay.api.model import DataRef, GenerateStage, ModelRef, Name, Seed, SpecModel, Uri


class MultipleChoice(SpecModel):
    """Questions with lettered choices, scored through lm-evaluation-harness by the likelihood of each letter."""

    data: Uri = Field(
        description="JSON lines of {question, choices, answer}: answer is the index of the right choice."
    )
    few_shot: Uri | None = Field(None, description="JSON lines of the same shape, put before every question.")
    limit: int | None = Field(None, ge=1, description="Only so many items, the first ones; absent: all.")


class Harness(SpecModel):
    """A task of lm-evaluation-harness."""

    task: str | None = Field(None, max_length=253, description="Its name there; absent: this task's name.")
    config: Uri | None = Field(None, description="A task YAML of one's own.")
    few_shot: int | None = Field(
        None, ge=0, le=100, description="Number of examples before the question; absent: the task's own."
    )
    limit: int | None = Field(None, ge=1, description="Only so many items; absent: all.")


class BitsPerByte(SpecModel):
    """How well the model compresses held-out text: bits per UTF-8 byte."""

    data: DataRef = Field(description="The text.")


class RefusalRate(SpecModel):
    """Share of answers that refuse, by the same rule as the refusals step."""

    answers: GenerateStage = Field(description="The stage that wrote the answers.")
    level: RefusalLevel = Field(RefusalLevel.MEDIUM, description="How much counts as a refusal.")


class Task(SpecModel):
    """One thing measured; at most one kind, and without one it is lm-evaluation-harness' task of this name."""

    kinds: ClassVar[tuple[str, ...]] = ("harness", "multiple_choice", "bits_per_byte", "refusal_rate")

    name: Name = Field(description="How verdicts and reports call it.")
    harness: Harness | None = Field(None, description="A task of lm-evaluation-harness.")
    multiple_choice: MultipleChoice | None = Field(None, description="Questions with choices, from a file.")
    bits_per_byte: BitsPerByte | None = Field(None, description="Likelihood of held-out text.")
    refusal_rate: RefusalRate | None = Field(None, description="Share of answers that refuse.")

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        present = [name for name in self.kinds if getattr(self, name) is not None]
        if len(present) > 1:
            raise PydanticCustomError(
                "task",
                "found {found}, expected at most one kind of measure. Make two tasks of it",
                {"found": " and ".join(present)},
            )
        return self


class Evaluate(SpecModel):
    """Measures of one model, every item's outcome kept."""

    model: ModelRef = Field(description="Who is measured.")
    checkpoints: Literal["one", "all"] = Field(
        "one", description="The referred model only, or each that its stage kept."
    )
    tasks: tuple[Task, ...] = Field(min_length=1, max_length=64, description="What is measured.")
    precision: Literal["fp32", "bf16"] = Field("fp32", description="Compute precision.")
    seed: Seed = Field(0, description="Drives sampled tasks.")
