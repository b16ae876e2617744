"""The evaluate stage: benchmarks, likelihoods and rates, item by item."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, model_validator
from pydantic.alias_generators import to_camel

from assay.api.clean import RefusalLevel
from assay.api.model import (
    PINNED,
    DataRef,
    GenerateStage,
    ModelRef,
    Name,
    Neutral,
    OneOf,
    Revision,
    Rule,
    Seed,
    SpecModel,
    Uri,
    fault,
    refuse_unpinned,
)

INSTRUCTEVAL = "instructeval_"  # what the names of instruct-eval's tasks begin with
HUMANEVAL = ("humaneval", "humaneval_instruct", "humaneval_64", "humaneval_64_instruct")
"""The tasks of lm-evaluation-harness whose answers run in the sandbox, by their names there."""

_HUMANEVAL_ASKED = (
    f"(has(self.harness) && has(self.harness.task) ? self.harness.task : self.name) in {list(HUMANEVAL)}"
    " && !(has(self.harness) && has(self.harness.config))"
)


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
    data: Annotated[Uri | None, Neutral(None)] = Field(
        None,
        description="HumanEval.jsonl.gz, for humaneval and its variants; with config, the items that it asks, JSON lines.",
    )
    few_shot: int | None = Field(
        None, ge=0, le=100, description="Number of examples before the question; absent: the task's own."
    )
    limit: int | None = Field(None, ge=1, description="Only so many items; absent: all.")


class PromptFormat(StrEnum):
    """How a model is shown a prompt."""

    RAW = "raw"
    TEMPLATE = "template"


class InstructEval(SpecModel):
    """A benchmark asked and scored as declare-lab/instruct-eval does; see docs/evaluation.md."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.samples) || self.samples == 1 || self.benchmark == 'humaneval'",
            "samples go only with humaneval, whose answers are sampled",
        ),
    )

    benchmark: Literal["mmlu", "bbh", "drop", "humaneval"] = Field(description="Which one.")
    data: Uri = Field(
        description="Its files: MMLU's folder with dev and test, the folder bbh of BIG-Bench-Hard, DROP's drop_dataset_dev.json, or HumanEval.jsonl.gz."
    )
    prompt_format: PromptFormat = Field(
        PromptFormat.RAW,
        description="Whether the prompt is shown as it is, or as a user's turn by the model's chat template.",
    )
    samples: int = Field(1, ge=1, le=1000, description="Number of answers to each problem of humaneval.")
    limit: int | None = Field(
        None, ge=1, description="Only so many items of each subject or task, the first ones; absent: all."
    )

    @model_validator(mode="after")
    def _sampled(self) -> Self:
        if self.samples > 1 and self.benchmark != "humaneval":
            raise fault(
                f"found samples {self.samples} of {self.benchmark}, whose answers are greedy, expected 1",
                "Remove `samples`.",
            )
        return self


class NGrams(SpecModel):
    """A plain n-gram model of bytes, for comparison; see docs/evaluation.md."""

    data: DataRef = Field(description="The text that it learns, not the one that is measured.")
    order: int = Field(
        6,
        ge=1,
        le=8,
        description="Number of bytes of its longest n-grams: the predicted one and those before it.",
    )


Read = Annotated[Literal["text", "answers"], Neutral("text")]
_READ = "text: all that is written; answers: of each chat its last answer and the mark that ends it, given what stands before."


class BitsPerByte(SpecModel):
    """How well the model compresses held-out text: bits per UTF-8 byte."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.ngrams) || !has(self.of) || self.of == 'text'",
            "ngrams read all that is written: they go only with of: text",
        ),
    )

    data: DataRef = Field(description="The text.")
    of: Read = Field("text", description=f"What is coded. {_READ}")
    ngrams: Annotated[NGrams | None, Neutral(None)] = Field(
        None, description="Say beside it what an n-gram model takes for the same text."
    )

    @model_validator(mode="after")
    def _ngrams_read_all(self) -> Self:
        if self.ngrams is not None and self.of != "text":
            raise fault(
                f"found ngrams beside of: {self.of}, expected them only where all that is written is coded",
                "Remove one of them.",
            )
        return self


class Divergence(SpecModel):
    """How far the model's next-token probabilities are from a reference model's: KL divergence per token, in nats."""

    data: DataRef = Field(description="The text on which both are read.")
    of: Read = Field("text", description=f"After which tokens they are compared. {_READ}")
    reference: ModelRef = Field(description="The other model, of the same tokens, such as the base.")
    under: Literal["model", "reference"] = Field(
        "model",
        description="Whose probabilities weigh: model is KL(model‖reference), reference is KL(reference‖model).",
    )


class RefusalRate(SpecModel):
    """Share of answers that refuse, by the same rule as the refusals step."""

    answers: GenerateStage = Field(description="The stage that wrote the answers.")
    level: RefusalLevel = Field(RefusalLevel.MEDIUM, description="How much counts as a refusal.")


class LabelRate(SpecModel):
    """Share of answers to which a text classifier gives one label, such as the positive ones."""

    rules: ClassVar[tuple[Rule, ...]] = PINNED

    answers: GenerateStage = Field(description="The stage that wrote the answers.")
    uri: Uri = Field(
        description="A sequence-classification model folder: a path, `s3://…`, or `hf://owner/name` with a revision."
    )
    revision: Revision | None = Field(None, description="Pinned commit of an `hf://` model.")
    label: str = Field(min_length=1, max_length=253, description="The label, as the classifier spells it.")

    @model_validator(mode="after")
    def _pinned(self, info: ValidationInfo) -> Self:
        refuse_unpinned(self.uri, self.revision, info)
        return self


class Task(OneOf):
    """One thing measured; at most one kind, and without one it is lm-evaluation-harness' task of this name."""

    one_of: ClassVar[tuple[str, ...]] = (
        "harness",
        "multiple_choice",
        "instructeval",
        "bits_per_byte",
        "refusal_rate",
        "label_rate",
        "divergence",
    )
    none_allowed: ClassVar[bool] = True
    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            " || ".join(
                (
                    f"!self.name.startsWith('{INSTRUCTEVAL}')",
                    *(f"has(self.{to_camel(kind)})" for kind in one_of),
                )
            ),
            "a task of instruct-eval needs its benchmark and data: add `instructeval: {benchmark: …, data: …}`",
        ),
        Rule(
            " || ".join(
                (
                    *(f"has(self.{to_camel(kind)})" for kind in one_of if kind != "harness"),
                    "has(self.harness) && has(self.harness.config)",
                    f"({_HUMANEVAL_ASKED}) == (has(self.harness) && has(self.harness.data))",
                )
            ),
            "lm-evaluation-harness' humaneval needs its problems (`harness: {data: …}`), and no other task without config has such",
        ),
    )

    name: Name = Field(description="How verdicts and reports call it.")
    harness: Harness | None = Field(None, description="A task of lm-evaluation-harness.")
    multiple_choice: MultipleChoice | None = Field(None, description="Questions with choices, from a file.")
    instructeval: InstructEval | None = Field(None, description="A benchmark of instruct-eval.")
    bits_per_byte: BitsPerByte | None = Field(None, description="Likelihood of held-out text.")
    refusal_rate: RefusalRate | None = Field(None, description="Share of answers that refuse.")
    label_rate: LabelRate | None = Field(None, description="Share of answers that a classifier labels so.")
    divergence: Annotated[Divergence | None, Neutral(None)] = Field(
        None, description="Distance from a reference model."
    )

    @model_validator(mode="after")
    def _data_named(self) -> Self:
        if self.name.startswith(INSTRUCTEVAL) and all(getattr(self, kind) is None for kind in self.one_of):
            raise fault(
                f"found {self.name} without its data, expected the benchmark's files: lm-evaluation-harness has no such task",
                f"Add `instructeval: {{benchmark: {self.name.removeprefix(INSTRUCTEVAL)}, data: <its folder or file>}}`.",
            )
        return self

    @model_validator(mode="after")
    def _problems_named(self) -> Self:
        if any(getattr(self, kind) is not None for kind in self.one_of if kind != "harness"):
            return self
        asked = self.harness or Harness()
        task = asked.task or self.name
        needed = task in HUMANEVAL and asked.config is None
        if needed and asked.data is None:
            raise fault(
                f"found {task} without its problems, expected their file: they come from no hub",
                "Add `harness: {data: <HumanEval.jsonl.gz>}`.",
            )
        if asked.data is not None and not needed and asked.config is None:
            raise fault(
                f"found data of {task}, expected them only of {', '.join(HUMANEVAL)}, or with config",
                "Remove `data`, or add `config`: a task YAML of one's own over them.",
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
