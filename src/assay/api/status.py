"""What the operator tells in an object's status; open, so that a newer operator may tell more under an older CRD."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from assay.api.model import SpecModel

Line = Annotated[str, Field(max_length=1024)]


class StatusModel(SpecModel):
    """Written by this version and read by it, whatever else another version wrote."""

    model_config = ConfigDict(extra="ignore", validate_by_name=True)


class Condition(StatusModel):
    """As everywhere in Kubernetes."""

    type: str = Field(max_length=63, description="What it says something about, such as Accepted.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field(max_length=63, description="Why, in one documented CamelCase word.")
    message: str = Field(
        "", max_length=32768, description="Why, for people; field paths where a spec is at fault."
    )
    last_transition_time: str | None = Field(
        None, max_length=40, description="When the status changed last, RFC 3339."
    )
    observed_generation: int | None = Field(
        None, ge=0, description="Number of the generation that it speaks of."
    )


class StageStatus(StatusModel):
    """How one stage stands."""

    name: str = Field(max_length=512, description="Arm, stage and coordinates, such as base/sft[seed=1].")
    kind: str = Field(max_length=63, description="clean, train, generate, evaluate, program or compare.")
    state: str = Field(max_length=63, description="done, running, ready, waiting, failed or blocked.")
    attempt: int = Field(0, ge=0, description="Number of the latest attempt, from 1; 0 before the first.")
    message: Line = Field("", description="What it waits for, or why it failed.")
    since: str | None = Field(
        None,
        max_length=40,
        description="When it was first told to run, or to wait as it does, RFC 3339; absent once it has ended.",
    )


class PlanStatus(StatusModel):
    """The frozen plan."""

    digest: str = Field(max_length=64, description="Identifies the plan: 64 hexadecimal digits.")
    uri: str = Field("", max_length=2048, description="Where plan.json lies.")


class GpuHoursStatus(StatusModel):
    """What the stages of the present plan have held, in GPU-hours."""

    spent: float = Field(
        ge=0, description="By attempts that were launched for this experiment and have ended."
    )
    saved: float = Field(
        ge=0, description="By others' attempts at stages that are done, which this experiment did not repeat."
    )


class CostStatus(StatusModel):
    """What `gpuHours` cost at the Profile's present price."""

    currency: str = Field(max_length=3, description="ISO 4217.")
    gpu_hour: float = Field(ge=0, description="The price of one GPU for an hour.")
    spent: float = Field(ge=0, description="Of the GPU-hours spent, in the currency.")
    saved: float = Field(ge=0, description="Of the GPU-hours saved, in the currency.")


class PowerStatus(StatusModel):
    """What the primary contrast could show."""

    contrast: str = Field(max_length=512, description="Its name.")
    task: str = Field(max_length=512, description="The task that it is judged on.")
    detectable: float | None = Field(
        None,
        ge=0,
        description="The least difference that is shown four times in five, in the task's unit; absent: unknown.",
    )
    margin: float = Field(ge=0, description="The comparison's margin, in the task's unit.")
    power: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The share of times that a difference of the margin is shown; absent: unknown.",
    )
    why: Line = Field(description="What the figures rest on, or why there are none.")


class AskedStatus(StatusModel):
    """What is left of the plan that awaits approval; `reused` says what is not to run."""

    stages: int = Field(ge=0, description="Number of stages to run.")
    gpu_hours: float = Field(ge=0, description="GPU-hours expected of those of which it is known.")
    unknown: int = Field(ge=0, description="Number of stages that hold GPUs for nobody knows how long.")
    price: float | None = Field(
        None, ge=0, description="Of `gpuHours`, in the currency; absent where the Profile has no prices."
    )
    currency: str | None = Field(None, max_length=3, description="ISO 4217.")
    power: PowerStatus | None = Field(None, description="Absent where there is no primary contrast.")


class ExperimentStatus(StatusModel):
    """How the experiment stands."""

    phase: str | None = Field(None, max_length=63, description="One word, such as Running.")
    observed_generation: int | None = Field(
        None, ge=0, description="Number of the generation that was planned last."
    )
    plan: PlanStatus | None = Field(None, description="The frozen plan.")
    total: int | None = Field(None, ge=0, description="Number of distinct stages.")
    done: int | None = Field(None, ge=0, description="Number of stages that are done.")
    reused: int | None = Field(None, ge=0, description="Number of stages that were done before it asked.")
    failed: int | None = Field(None, ge=0, description="Number of stages that failed.")
    progress: str | None = Field(None, max_length=63, description="done/total, such as 12/40.")
    gpu_hours: GpuHoursStatus | None = Field(None, description="Absent where no stage has held a GPU.")
    cost: CostStatus | None = Field(
        None, description="Absent where no stage has held a GPU, or the Profile has no prices."
    )
    asked: AskedStatus | None = Field(None, description="What approval is asked for; absent where none is.")
    verdict: Line | None = Field(None, description="The primary verdict, in one line.")
    verdicts: tuple[Line, ...] = Field((), max_length=64, description="A line for each contrast.")
    conditions: tuple[Condition, ...] = Field((), max_length=32, description="Accepted, Planned and so on.")
    stages: tuple[StageStatus, ...] = Field(
        (), max_length=100, description="Those that need attention first; all of them are in the store."
    )


class ProfileStatus(StatusModel):
    """Whether the profile can be used."""

    observed_generation: int | None = Field(
        None, ge=0, description="Number of the generation that was looked at last."
    )
    conditions: tuple[Condition, ...] = Field((), max_length=32, description="Ready and so on.")
