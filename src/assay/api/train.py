"""The train stage: everything here changes what is learned; where it runs is execution's business."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from assay.api.model import DataRef, ModelRef, Neutral, OneOf, Rule, Seed, SpecModel, TrainStage, Uri, fault

Decay = Annotated[float, Field(ge=0, lt=1)]
Rows = Annotated[int, Field(ge=1)]

DEFAULT_BETA = 0.1  # as in Rafailov et al. 2023, appendix B


class Optimizer(SpecModel):
    """How gradients become updates."""

    name: Literal["adamw"] = Field("adamw", description="The algorithm.")
    lr: float = Field(gt=0, le=10, description="Peak learning rate, per step.")
    betas: tuple[Decay, Decay] = Field(
        (0.9, 0.999), description="Decay of the two moment estimates, 0 to below 1."
    )
    eps: float = Field(1e-8, gt=0, le=1, description="Added to the denominator.")
    weight_decay: float = Field(0, ge=0, le=10, description="Decoupled decay, per unit of learning rate.")
    gradient_clip: float | None = Field(1.0, gt=0, description="Largest gradient norm; null: none.")


class Schedule(SpecModel):
    """How the learning rate moves over the run."""

    warmup_ratio: float = Field(
        0, ge=0, le=1, description="Share of all steps spent rising, rounded to whole steps."
    )
    decay: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="Afterwards: stay, or fall to zero at the end."
    )


class Checkpoints(OneOf):
    """Which models are kept besides the last."""

    one_of: ClassVar[tuple[str, ...]] = ("every_epochs", "rows", "slices")

    every_epochs: float | None = Field(
        None, gt=0, le=1000, description="One after each such share of an epoch."
    )
    rows: tuple[Rows, ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="One after each of these numbers of rows: multiples of batchSize if it counts examples, else the first step that has seen so many.",
    )
    slices: int | None = Field(
        None, ge=1, le=1000, description="One at the end of each of so many equal parts of the run."
    )


class TrainTokenizer(SpecModel):
    """A byte-level BPE tokenizer."""

    vocabulary: int = Field(ge=300, le=1000000, description="Number of entries, special ones included.")


class Tokenizer(OneOf):
    """Where the tokenizer of a new model comes from."""

    one_of: ClassVar[tuple[str, ...]] = ("train", "uri")

    train: TrainTokenizer | None = Field(None, description="Train a byte-level BPE on the stage's own data.")
    uri: Uri | None = Field(None, description="A tokenizer folder.")


class Lora(SpecModel):
    """Low-rank updates instead of all weights; the model that is kept has them merged."""

    rank: int = Field(ge=1, le=4096, description="Rank of the updates, in vectors.")
    alpha: float = Field(gt=0, le=65536, description="An update is multiplied by this number over rank.")
    targets: tuple[Annotated[str, Field(min_length=1, max_length=63)], ...] | None = Field(
        None,
        min_length=1,
        max_length=64,
        description="Names of the linear layers that are updated, such as q_proj; absent: all but the output.",
    )


class Train(SpecModel):
    """A model learns from data."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.model.llama) || has(self.tokenizer)", "a new model needs a tokenizer"),
        Rule(
            "self.batchUnit != 'examples' || !has(self.checkpoints) || !has(self.checkpoints.rows)"
            " || self.checkpoints.rows.all(row, row % self.batchSize == 0)",
            "checkpoints.rows must be multiples of batchSize",
        ),
        Rule(
            "!has(self.model.llama) || self.sequenceLength <= self.model.llama.context",
            "sequenceLength must be at most the new model's context",
        ),
        Rule("!has(self.lora) || !has(self.model.llama)", "lora needs a model that exists, not a new one"),
        Rule("!has(self.beta) || self.objective == 'dpo'", "beta goes only beside objective dpo"),
        Rule(
            "self.objective != 'dpo' || self.batchUnit != 'packedSequences'",
            "dpo counts examples (pairs) or tokens, not packedSequences",
        ),
    )

    objective: Literal["sft", "pretrain", "dpo"] = Field(
        "sft",
        description="Learn to answer (assistant tokens only), to continue text, or to prefer chats to those rejected beside them.",
    )
    beta: Annotated[float | None, Neutral(None)] = Field(
        None,
        gt=0,
        le=100,
        description="With objective dpo: a number, the larger the closer to the starting model; absent: 0.1.",
    )
    data: DataRef = Field(description="What it learns from.")
    model: ModelRef = Field(description="What it starts from.")
    tokenizer: Tokenizer | None = Field(
        None, description="For a new model; a model that exists brings its own."
    )
    template: Literal["chatml", "model"] = Field(
        "chatml", description="How chats become text: ChatML, or the tokenizer's own template."
    )
    batch_size: int = Field(ge=1, le=1048576, description="Global batch per optimiser step, in batchUnit.")
    batch_unit: Literal["examples", "packedSequences", "tokens"] = Field(
        "examples",
        description="What batchSize counts; packedSequences: sequences of up to sequenceLength tokens, each of whole examples; tokens: whole examples as they fit, at least one.",
    )
    epochs: float | None = Field(
        None, gt=0, le=1000, description="Passes over the data; absent: 1, or what stepsOf says."
    )
    steps_of: TrainStage | None = Field(
        None, description="As many optimiser steps as this other train stage takes."
    )
    lora: Annotated[Lora | None, Neutral(None)] = Field(
        None, description="Learn low-rank updates only; absent: all weights."
    )
    optimizer: Optimizer = Field(description="How gradients become updates.")
    schedule: Schedule = Field(Schedule(), description="How the learning rate moves.")
    checkpoints: Checkpoints | None = Field(None, description="Models kept besides the last; absent: none.")
    sequence_length: int = Field(
        ge=16, le=1048576, description="Longest example, in tokens; the rest is cut at a turn's end."
    )
    precision: Literal["fp32", "bf16"] = Field(
        "bf16", description="Compute precision; master weights and moments are fp32."
    )
    seed: Seed = Field(0, description="Initial weights of a new model, order of the data, dropout.")

    @model_validator(mode="after")
    def _new_model_has_tokenizer(self) -> Self:
        if self.model.llama is not None and self.tokenizer is None:
            raise fault(
                "found a new model (llama) without tokenizer, expected one", "Add `tokenizer`: train or uri."
            )
        return self

    @model_validator(mode="after")
    def _sequences_fit_the_new_model(self) -> Self:
        llama = self.model.llama
        if llama is not None and self.sequence_length > llama.context:
            raise fault(
                f"found sequenceLength {self.sequence_length}, expected at most the new model's context of {llama.context} tokens",
                "Lower sequenceLength, or raise context.",
            )
        return self

    @model_validator(mode="after")
    def _updates_are_of_a_model(self) -> Self:
        if self.lora is not None and self.model.llama is not None:
            raise fault(
                "found lora with a new model (llama), expected a model that exists",
                "Remove lora, or name a model.",
            )
        return self

    @model_validator(mode="after")
    def _pairs_are_compared(self) -> Self:
        if self.beta is not None and self.objective != "dpo":
            raise fault(
                f"found beta with objective {self.objective}, expected it only beside dpo", "Remove beta."
            )
        if self.objective == "dpo" and self.batch_unit == "packedSequences":
            raise fault(
                "found batchUnit packedSequences with objective dpo, expected examples (pairs) or tokens",
                "Change batchUnit.",
            )
        return self

    @model_validator(mode="after")
    def _checkpoints_fall_on_steps(self) -> Self:
        rows = self.checkpoints.rows if self.checkpoints is not None else None
        off = [row for row in rows or () if row % self.batch_size]
        if self.batch_unit == "examples" and off:
            raise fault(
                f"found checkpoints after {', '.join(map(str, off))} rows, expected multiples of batchSize {self.batch_size}",
                "Change checkpoints.rows or batchSize.",
            )
        return self
