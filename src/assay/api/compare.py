"""The questions: which arms are compared, on what, and what counts as a difference."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from assay.api.model import (
    IDENTIFIER_PATTERN,
    REFERENCE_PATTERN,
    Name,
    Neutral,
    OneOf,
    Rule,
    SpecModel,
    fault,
)

TRAINING_FIGURES = ("trainingLoss", "lastLoss")
"""A train stage's figures, for measures and in its record's summary: the mean over the last epoch, and the last step's."""

Identifier = Annotated[str, Field(pattern=IDENTIFIER_PATTERN, max_length=63)]


class Contrast(SpecModel):
    """One question: the score of arm a minus that of arm b."""

    name: Name = Field(description="How the verdict is called.")
    a: Name = Field(description="The arm on the left of the minus sign.")
    b: Name = Field(description="The arm on its right.")


class Primary(SpecModel):
    """The one hypothesis that is tested first, at full level."""

    contrast: Name = Field(description="A contrast of this comparison.")
    task: Name = Field(description="A task of the compared stage.")


class TaskMargin(SpecModel):
    """A margin that differs from the comparison's."""

    name: Name = Field(description="The task.")
    margin: float = Field(gt=0, description="In the task's own unit.")


class Published(OneOf):
    """What others published, to be shown beside ours: an arm's score, or by how much two arms differ. No work depends on it.

    What counts as reproduced is said here, and so before any result. A difference is reproduced where our verdict shows
    one in the same direction, and is not where ours excludes it; a score is reproduced within a distance that is named.
    """

    one_of: ClassVar[tuple[str, ...]] = ("arm", "contrast")
    companions: ClassVar[dict[str, str]] = {"within": "arm", "also": "contrast"}

    arm: Name | None = Field(
        None, description="The arm whose data and training theirs are like; value is its score."
    )
    contrast: Annotated[str, Field(pattern=REFERENCE_PATTERN, max_length=127)] | None = Field(
        None,
        description="A contrast, or comparison/contrast where several have that name; value is a minus b.",
    )
    task: Name = Field(description="The task that they measured.")
    value: float = Field(
        description="Their score or difference, in this task's unit: 0.42, not 42. A difference of 0 is reproduced where ours are equivalent."
    )
    source: str = Field(
        min_length=1,
        max_length=253,
        description="Where it is published, such as `arXiv 2308.13449, table 2`.",
    )
    within: float | None = Field(
        None,
        gt=0,
        description="How far our mean may be from theirs and count as reproduced, in the task's unit; absent: nothing is said of it.",
    )
    also: tuple[Name, ...] | None = Field(
        None,
        min_length=1,
        max_length=16,
        description="Contrasts of the same comparison that must lean the same way, too, such as one against an arm of as much data.",
    )
    unlike: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        description="In what theirs was measured otherwise, such as `5-shot on another harness`; then it reads not comparable.",
    )

    @property
    def said(self) -> dict[str, Any]:
        """What its author said, in YAML's words."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class CurveContrast(Contrast):
    """One question about two curves: a figure of arm a's minus that of arm b's."""

    figure: Literal["change", "initialSlope", "slope", "halfLife", "nearest"] = Field(
        "initialSlope",
        description="What is compared; of halfLife and nearest, which are doses, the natural logarithms.",
    )


class Nearest(SpecModel):
    """The least dose that brings a model near another: at which a distance has fallen to so much."""

    task: Name = Field(
        description="A task of the compared stage that measures a distance, such as a divergence from the base."
    )
    within: float = Field(0.01, gt=0, description="How near is near, in that task's unit.")


class Dose(SpecModel):
    """How a score moves along an axis of role `dose`."""

    axis: Name = Field(description="The axis.")
    task: Name = Field(description="The task whose score is followed.")
    arms: tuple[Name, ...] = Field((), max_length=64, description="The arms, a curve each; none: all.")
    scale: Annotated[Literal["probability", "logit"], Neutral("probability")] = Field(
        "probability",
        description="What is judged: the score as it is, or, of a share, its log-odds; the other is shown beside it.",
    )
    contrasts: Annotated[tuple[CurveContrast, ...], Neutral(())] = Field(
        (), max_length=64, description="Differences between two arms' curves."
    )
    nearest: Annotated[Nearest | None, Neutral(None)] = Field(
        None, description="The least dose that brings a distance down to so much."
    )


class Measure(SpecModel):
    """One figure of one arm's stage."""

    name: Identifier = Field(description="How the expression calls it.")
    stage: Name = Field(description="A train or evaluate stage.")
    figure: str = Field(
        min_length=1,
        max_length=253,
        description="`trainingLoss` of a train stage, the mean over its last epoch, or `lastLoss`, its last step's; or a task of an evaluate stage.",
    )
    scale: Annotated[Literal["probability", "logit"], Neutral("probability")] = Field(
        "probability",
        description="What the expression is given: the figure as it is, or, of a share, its log-odds.",
    )


class Trend(SpecModel):
    """How an expression moves along an axis of role `dose`: the least-squares slope of every run's."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.perturbation) || has(self.theory)", "perturbation goes only beside theory"),
    )

    axis: Name = Field(description="The axis.")
    scale: Literal["linear", "log"] = Field(
        "linear", description="log: the logarithm of the expression against the logarithm of the dose."
    )
    theory: Literal["idealMixture"] | None = Field(
        None,
        description="idealMixture: the slope is held against what an ideal compressor of a mixture would show, whose elasticity at dose k, |pre-training data| / |alignment data|, is k; absent: against zero.",
    )
    perturbation: Annotated[float | None, Neutral(None)] = Field(
        None,
        gt=0,
        le=1000,
        description="With theory: how much perturbing data there is, as a share of the alignment data, for at more than next to none the elasticity is above k; absent: next to none.",
    )

    @model_validator(mode="after")
    def _perturbs_a_theory(self) -> Self:
        if self.perturbation is not None and self.theory is None:
            raise fault(
                "found perturbation without theory, expected the theory whose slope it changes",
                "Add `theory: idealMixture`, or remove it.",
            )
        return self


class Derived(SpecModel):
    """An expression over figures of the same arm at the same coordinates."""

    expression: str = Field(
        min_length=1,
        max_length=1024,
        description="Sums, differences, products and quotients of measures, such as `forward - inverse`.",
    )
    measures: tuple[Measure, ...] = Field(
        min_length=1, max_length=32, description="What the expression names."
    )
    trend: Annotated[Trend | None, Neutral(None)] = Field(
        None, description="Judge how the expression moves with a dose, and not its level at each."
    )


class Comparison(OneOf):
    """A family of questions about one stage."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.stage) != has(self.derived)",
            "contrasts and dose need stage; derived names its stages in its measures",
        ),
    )
    one_of: ClassVar[tuple[str, ...]] = ("contrasts", "dose", "derived")
    companions: ClassVar[dict[str, str]] = {"primary": "contrasts"}

    name: Name = Field(description="How verdicts and the report call it.")
    stage: Name | None = Field(None, description="The evaluate stage whose outcomes are compared.")
    contrasts: tuple[Contrast, ...] | None = Field(
        None, min_length=1, max_length=64, description="Differences between arms."
    )
    dose: Dose | None = Field(None, description="A curve along an axis.")
    derived: Derived | None = Field(None, description="An expression over several stages.")
    primary: Primary | None = Field(None, description="Tested first, at full level.")
    family: Literal["holm", "none"] = Field(
        "holm", description="Correction over the declared contrasts and tasks."
    )
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Chance of a false difference that is accepted.")
    margin: float = Field(0.01, gt=0, description="Equivalent means within this, in the task's own unit.")
    environments: Annotated[Literal["any"] | None, Neutral(None)] = Field(
        None,
        description="any: runs on other GPUs, with other libraries or spread otherwise are compared all the same, with a warning; absent: what is said of them reads not comparable.",
    )
    margins: tuple[TaskMargin, ...] = Field((), max_length=64, description="Tasks whose margin differs.")

    @model_validator(mode="after")
    def _stage_fits(self) -> Self:
        if self.stage is None and self.derived is None:
            raise fault(
                f"found {self.chosen} without stage, expected the evaluate stage that is compared",
                "Add `stage`.",
            )
        if self.stage is not None and self.derived is not None:
            raise fault(
                "found stage beside derived, expected it in derived.measures only", "Remove `stage` here."
            )
        return self


def comparisons_of(published: Published, comparisons: Iterable[Comparison]) -> list[Comparison]:
    """Return the comparisons that have the contrast which others published; one, once an experiment is valid."""
    among, _, name = (published.contrast or "").rpartition("/")
    return [
        comparison
        for comparison in comparisons
        if among in ("", comparison.name)
        and name in [contrast.name for contrast in comparison.contrasts or ()]
    ]
