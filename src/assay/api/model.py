"""The common shape of everything a user writes.

A spec model is closed (unknown fields are errors), frozen, camelCase outside and snake_case inside. Three ideas recur:

* `OneOf`: exactly one of some members is set, as in `model: {uri: …}` or `model: {from: …}`.
* `Named`: list items that have a `name`, by which arms patch them.
* Markers on fields: `Refers` (the value names a stage), `Outside` (the value is a URI whose content is identity),
  `Neutral` (a value that is left out of fingerprints, so that fields added later keep every cache).
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from assay.artifacts.kinds import Kind


class SpecModel(BaseModel):
    """Closed, frozen, camelCase."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        allow_inf_nan=False,
        use_attribute_docstrings=False,
    )


class OneOf(SpecModel):
    """Exactly one of `one_of` (field names, snake_case) is set."""

    one_of: ClassVar[tuple[str, ...]] = ()
    companions: ClassVar[dict[str, str]] = {}  # a field that makes sense only beside a member → that member

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        present = [name for name in self.one_of if getattr(self, name) is not None]
        if len(present) != 1:
            names = ", ".join(type(self).model_fields[name].alias or name for name in self.one_of)
            found = (
                " and ".join(type(self).model_fields[name].alias or name for name in present)
                or "none of them"
            )
            raise PydanticCustomError(
                "one_of", "found {found}, expected exactly one of {names}", {"found": found, "names": names}
            )
        return self

    @property
    def chosen(self) -> str:
        """The member that is set, as spelled in YAML."""
        name = next(name for name in self.one_of if getattr(self, name) is not None)
        return type(self).model_fields[name].alias or name


@dataclass(frozen=True)
class Refers:
    """Marks a field that names a stage: `stage`, or `arm/stage` for another arm's at the same coordinates."""

    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Outside:
    """Marks a URI whose content is identity: `file`, `s3`, `hf`, or a path relative to the spec's file."""


@dataclass(frozen=True)
class Neutral:
    """Marks the value at which a field, added after a release, is left out of fingerprints."""

    value: Any


NAME_PATTERN = r"^[a-z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$"
REFERENCE_PATTERN = r"^[a-z0-9][a-zA-Z0-9_-]{0,62}(/[a-z0-9][a-zA-Z0-9_-]{0,62})?$"

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=63)]
Uri = Annotated[str, Field(min_length=1, max_length=2048), Outside()]
Seed = Annotated[int, Field(ge=0, lt=2**31)]

Dataset = Annotated[
    str, Field(pattern=REFERENCE_PATTERN, max_length=127), Refers((Kind.CLEAN, Kind.GENERATE))
]
CleanStage = Annotated[str, Field(pattern=REFERENCE_PATTERN, max_length=127), Refers((Kind.CLEAN,))]
TrainStage = Annotated[str, Field(pattern=REFERENCE_PATTERN, max_length=127), Refers((Kind.TRAIN,))]
GenerateStage = Annotated[str, Field(pattern=REFERENCE_PATTERN, max_length=127), Refers((Kind.GENERATE,))]


class DataRef(SpecModel):
    """Chats or texts that another stage wrote."""

    from_: Dataset = Field(alias="from", description="The clean or generate stage that wrote them.")
    split: Name | None = Field(
        None, description="A part set aside by that stage's `split` step; absent: all the rest."
    )


class Checkpoint(OneOf):
    """One model among those that a training keeps."""

    one_of: ClassVar[tuple[str, ...]] = ("epoch", "rows", "slice")

    epoch: float | None = Field(None, gt=0, le=1000, description="After so many epochs, such as 0.5.")
    rows: int | None = Field(None, ge=1, description="After so many training rows.")
    slice: int | None = Field(
        None, ge=1, le=1000, description="After so many of the equal slices of the run, from 1."
    )


class Llama(SpecModel):
    """A Llama architecture, trained from random weights."""

    hidden_size: int = Field(ge=8, le=16384, description="Width of the residual stream, in units.")
    layers: int = Field(ge=1, le=256, description="Number of transformer blocks.")
    heads: int = Field(ge=1, le=256, description="Attention heads per block; divides hiddenSize.")
    intermediate_size: int | None = Field(
        None,
        ge=8,
        le=131072,
        description="Width of the MLP, in units; absent: 8/3 of hiddenSize, rounded up to 16.",
    )
    context: int = Field(2048, ge=16, le=1048576, description="Longest sequence, in tokens.")
    tie_embeddings: bool = Field(True, description="Whether input and output embeddings are one matrix.")  # noqa: FBT003 -- pydantic's default


class ModelRef(OneOf):
    """Where a model's weights come from."""

    one_of: ClassVar[tuple[str, ...]] = ("uri", "from_", "llama")
    companions: ClassVar[dict[str, str]] = {"revision": "uri", "checkpoint": "from_"}

    uri: Uri | None = Field(
        None,
        description="A Hugging Face model folder: a path, `s3://…`, or `hf://owner/name` with a revision.",
    )
    revision: str | None = Field(None, max_length=64, description="Pinned commit of an `hf://` model.")
    from_: TrainStage | None = Field(None, alias="from", description="A train stage.")
    checkpoint: Checkpoint | None = Field(None, description="Which of that stage's models; absent: the last.")
    llama: Llama | None = Field(None, description="A new model of this shape, from random weights.")

    @model_validator(mode="after")
    def _members_fit(self) -> Self:
        if self.checkpoint is not None and self.from_ is None:
            raise PydanticCustomError(
                "checkpoint", "found checkpoint without from; expected it only beside from. Remove it"
            )
        if self.revision is not None and self.uri is None:
            raise PydanticCustomError(
                "revision", "found revision without uri; expected it only beside an hf:// uri. Remove it"
            )
        if self.uri is not None and self.uri.startswith("hf://") and self.revision is None:
            raise PydanticCustomError(
                "revision", "found an hf:// model without revision; expected a pinned commit. Add revision"
            )
        return self
