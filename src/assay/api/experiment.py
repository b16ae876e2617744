"""The Experiment: a pipeline of stages, arms that differ from it, a matrix that multiplies them, and the questions."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from assay.api.clean import Clean
from assay.api.compare import Comparison, Published
from assay.api.evaluate import Evaluate
from assay.api.execution import Execution
from assay.api.generate import Generate
from assay.api.imported import Imported
from assay.api.model import FIELD_PATH_PATTERN, Name, OneOf, Rule, SpecModel, fault
from assay.api.partial import partial_of
from assay.api.program import Program
from assay.api.train import Train
from assay.artifacts.kinds import Kind

GROUP = "assay.dev"
VERSION = "v1alpha1"

FieldPath = Annotated[str, Field(pattern=FIELD_PATH_PATTERN, max_length=512)]


class Stage(OneOf):
    """One unit of work; the one member besides `name` says of which kind."""

    one_of: ClassVar[tuple[str, ...]] = ("clean", "train", "generate", "evaluate", "imported", "program")

    name: Name = Field(description="How other stages, arms and comparisons call it.")
    clean: Clean | None = Field(None, description="Chats from sources, through steps.")
    train: Train | None = Field(None, description="A model learns from data.")
    generate: Generate | None = Field(None, description="A model answers prompts.")
    evaluate: Evaluate | None = Field(None, description="A model is measured.")
    imported: Imported | None = Field(
        None, description="A model was measured elsewhere: stands where an evaluate stage does."
    )
    program: Program | None = Field(
        None, description="A command of one's own writes a dataset, a model or scores."
    )

    @cached_property
    def kind(self) -> Kind:
        """What the stage does."""
        return Kind.EVALUATE if self.imported is not None else Kind(self.chosen)


PartialStage: Any = partial_of(Stage)


class Role(StrEnum):
    """What an axis is to statistics."""

    REPLICATE = "replicate"  # a whole new run
    FACTOR = "factor"
    DOSE = "dose"


class AxisValue(SpecModel):
    """A named place on an axis: a partial pipeline, like an arm's."""

    name: Name = Field(description="How coordinates and reports call it.")
    dose: float | None = Field(
        None, description="On an axis of role dose: its amount, such as a number of rows."
    )
    stages: tuple[PartialStage, ...] = Field(
        (), max_length=64, description="What differs here, merged by name."
    )


class Axis(OneOf):
    """Multiplies every arm that has what it moves."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.values) != (has(self.paths) && size(self.paths) > 0)",
            "integers, numbers and strings need paths to set; values have their own stages and no paths",
        ),
        Rule(
            "!has(self.values) || self.values.all(value, has(value.dose) == (self.role == 'dose'))",
            "every value of a dose axis has a dose, and no value of another axis has one",
        ),
        Rule("self.role != 'dose' || !has(self.strings)", "a dose is an amount, not a text"),
    )
    one_of: ClassVar[tuple[str, ...]] = ("values", "integers", "numbers", "strings")

    name: Name = Field(description="How coordinates and reports call it.")
    role: Role = Field(description="replicate: a whole new run; factor: a kind; dose: an amount.")
    paths: tuple[FieldPath, ...] = Field(
        (),
        max_length=64,
        description="Fields set together, such as `sft.train.seed`: stage, kind, field; list items by name.",
    )
    values: tuple[AxisValue, ...] | None = Field(
        None, min_length=1, max_length=256, description="Named places."
    )
    integers: tuple[int, ...] | None = Field(
        None, min_length=1, max_length=256, description="Whole numbers set at paths."
    )
    numbers: tuple[float, ...] | None = Field(
        None, min_length=1, max_length=256, description="Numbers set at paths."
    )
    strings: tuple[Annotated[str, Field(max_length=2048)], ...] | None = Field(
        None, min_length=1, max_length=256, description="Texts set at paths."
    )

    @model_validator(mode="after")
    def _paths_fit(self) -> Self:
        if self.values is None and not self.paths:
            raise fault(
                f"found {self.chosen} without paths, expected the fields that they set", "Add `paths`."
            )
        if self.values is not None and self.paths:
            raise fault(
                "found paths beside values, expected each value to say in its stages what differs",
                "Remove `paths`, or write integers, numbers or strings.",
            )
        return self

    @model_validator(mode="after")
    def _doses_fit(self) -> Self:
        is_dose = self.role is Role.DOSE
        if is_dose and self.strings is not None:
            raise fault(
                "found strings on an axis of role dose, expected amounts",
                "Write integers, numbers or values.",
            )
        for value in self.values or ():
            if is_dose and value.dose is None:
                raise fault(
                    f"found value {value.name} without dose on an axis of role dose, expected its amount",
                    "Add `dose` to it.",
                )
            if not is_dose and value.dose is not None:
                raise fault(
                    f"found a dose on value {value.name} of an axis of role {self.role}, expected none",
                    "Remove it, or make the role dose.",
                )
        return self


PartialAxis: Any = partial_of(Axis)


class Arm(SpecModel):
    """A named variant of the pipeline."""

    name: Name = Field(description="How references, comparisons and reports call it.")
    stages: tuple[PartialStage, ...] = Field(
        (),
        max_length=64,
        description="What differs from the pipeline, merged by name; `remove: true` deletes, before/after place an insert.",
    )
    matrix: tuple[PartialAxis, ...] = Field(
        (),
        max_length=16,
        description="Axes that differ for this arm, merged by name: other seeds for a null arm.",
    )


class ExperimentSpec(SpecModel):
    """What is asked for."""

    profile: Name | None = Field(
        None, description="The Profile, in the same namespace, that says where and how it runs."
    )
    suspend: bool = Field(False, description="Whether to launch nothing for now.")  # noqa: FBT003 -- pydantic's default
    pipeline: tuple[Stage, ...] = Field(
        min_length=1, max_length=64, description="The stages of every arm, referring to each other by name."
    )
    arms: tuple[Arm, ...] = Field(min_length=1, max_length=1024, description="The variants.")
    matrix: tuple[Axis, ...] = Field((), max_length=16, description="What multiplies every arm.")
    compare: tuple[Comparison, ...] = Field((), max_length=64, description="The questions.")
    published: tuple[Published, ...] = Field(
        (), max_length=1024, description="Scores that others published, shown beside ours."
    )
    execution: Execution = Field(Execution(), description="Where and how it runs: never part of what it is.")


class Metadata(BaseModel):
    """Kubernetes' object metadata; assay reads the name and leaves the rest alone."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: Name = Field(description="The object's name.")
    namespace: str = Field("default", max_length=63, description="The object's namespace.")
    uid: str | None = Field(None, description="Set by the API server.")

    def annotation(self, name: str) -> str:
        """Return what an annotation says; "" where there is none."""
        return str((self.model_extra or {}).get("annotations", {}).get(name, ""))


class Experiment(SpecModel):
    """An ablation experiment: how data is cleaned, models trained and evaluated, and what is compared."""

    api_version: Literal["assay.dev/v1alpha1"] = Field(description="`assay.dev/v1alpha1`.")
    kind: Literal["Experiment"] = Field(description="`Experiment`.")
    metadata: Metadata = Field(description="Standard object metadata.")
    spec: ExperimentSpec = Field(description="What is asked for.")
