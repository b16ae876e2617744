"""The program stage: a team's own trainer, cleaner or scorer; all that it declares here is what it is, and where it runs is not."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from assay.api.model import (
    IMAGE_PATTERN,
    NAME_PATTERN,
    NO_STARS_PATTERN,
    AnyStage,
    Checkpoint,
    Name,
    OneOf,
    Outside,
    Rule,
    SpecModel,
    Uri,
    fault,
)

LONGEST = 4096  # of a parameter's texts and lists


def _plain(value: Any) -> Any:
    items = value if isinstance(value, list | tuple) else [value]
    if any(not isinstance(item, bool | int | float | str) for item in items):
        raise fault(
            f"found {type(value).__name__}, expected a text, a number, a boolean or a list of such",
            "Write it so, or put it into a file among the inputs.",
        )
    if max(len(items), *(len(item) for item in items if isinstance(item, str)), 0) > LONGEST:
        raise fault(f"found more than {LONGEST} characters or items", "Put it into a file among the inputs.")
    return value


Parameter = Annotated[Any, AfterValidator(_plain)]


class Code(SpecModel):
    """What the command runs, by the digest of its bytes."""

    uri: Annotated[str, Field(min_length=1, max_length=2048, pattern=NO_STARS_PATTERN), Outside()] = Field(
        description="A file or a folder: a path or `s3://…`. The command starts in a copy of it."
    )


class ProgramInput(OneOf):
    """What a program reads, in a folder of its name."""

    one_of: ClassVar[tuple[str, ...]] = ("from_", "uri")
    companions: ClassVar[dict[str, str]] = {"split": "from_", "checkpoint": "from_"}

    name: Name = Field(description="How arms call it, and its folder's name.")
    from_: AnyStage | None = Field(
        None, alias="from", description="Another stage: its chats, its model or its scores."
    )
    split: Name | None = Field(
        None, description="A part set aside by that stage's `split` step; absent: all the rest."
    )
    checkpoint: Checkpoint | None = Field(None, description="Which of that stage's models; absent: the last.")
    uri: Uri | None = Field(
        None, description="Files as they are: a path, `*` in it for several, a folder, or `s3://…`."
    )


class ScoredTask(SpecModel):
    """A task that a program scores, and how its score is read."""

    name: Name = Field(description="How comparisons and reports call it.")
    unit: str = Field("score", min_length=1, max_length=253, description="What the score counts.")
    higher_is_better: bool | None = Field(
        None, description="Whether a higher score is better; absent: neither direction is good in itself."
    )
    chance: float | None = Field(None, description="The score of guessing, in its unit.")


class Program(SpecModel):
    """A command of a team's own: it reads and writes folders, and what it wrote is checked before it counts."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("has(self.image) || has(self.code)", "a program needs an image, or code, or both"),
        Rule(
            "(self.output == 'scores') == (has(self.tasks) && size(self.tasks) > 0)",
            "output scores needs the tasks that are scored, and no other output has such",
        ),
    )

    image: Annotated[str, Field(pattern=IMAGE_PATTERN, max_length=512)] | None = Field(
        None, description="Container image with its digest: what runs in a cluster. On a laptop none is run."
    )
    command: tuple[Annotated[str, Field(max_length=4096)], ...] = Field(
        min_length=1, max_length=256, description="The command and its arguments; no shell reads it."
    )
    code: Code | None = Field(None, description="Its code; on a laptop it is what runs.")
    inputs: tuple[ProgramInput, ...] = Field((), max_length=64, description="What it reads.")
    output: Literal["dataset", "model", "scores"] = Field(
        description="What it writes, and so which stages may read it."
    )
    tasks: tuple[ScoredTask, ...] = Field(
        (), max_length=64, description="With output scores: every task that it scores."
    )
    parameters: dict[Annotated[str, Field(pattern=NAME_PATTERN, max_length=63)], Parameter] = Field(
        {},
        max_length=256,
        description="Handed over as a JSON file: texts, numbers, booleans and lists of them; an arm's are laid over the pipeline's.",
    )

    @model_validator(mode="after")
    def _something_runs(self) -> Self:
        if self.image is None and self.code is None:
            raise fault(
                "found neither image nor code, expected one of them: by it a program is known",
                "Add `code: {uri: …}`, or an image with its digest.",
            )
        return self

    @model_validator(mode="after")
    def _scores_are_of_tasks(self) -> Self:
        if self.output == "scores" and not self.tasks:
            raise fault(
                "found output scores without tasks, expected those that are scored",
                "Add `tasks: [{name: …}]`.",
            )
        if self.output != "scores" and self.tasks:
            raise fault(
                f"found tasks with output {self.output}, expected them only with scores", "Remove tasks."
            )
        return self
