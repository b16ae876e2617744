"""The common shape of everything a user writes.

A spec model is closed (unknown fields are errors), frozen, camelCase outside and snake_case inside. Four ideas recur:

* `OneOf`: exactly one of some members is set, as in `model: {uri: …}` or `model: {from: …}`.
* Named items: list items that have a `name`, by which arms patch them.
* `Rule`: what a validator here demands, said again in CEL, so that the API server demands it too.
* Markers on fields: `Refers` (the value names a stage), `Outside` (the value is a URI whose content is identity),
  `Neutral` (a value that is left out of fingerprints, so that fields added later keep every cache).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from assay.artifacts.documents import is_artifact
from assay.artifacts.kinds import Kind


@dataclass(frozen=True)
class Rule:
    """A validator's demand in CEL; `self` is the object."""

    cel: str
    message: str


class SpecModel(BaseModel):
    """Closed, frozen, camelCase."""

    rules: ClassVar[tuple[Rule, ...]] = ()

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
    """Exactly one of `one_of` (field names, snake_case) is set; at most one where `none_allowed`."""

    one_of: ClassVar[tuple[str, ...]] = ()
    none_allowed: ClassVar[bool] = False
    companions: ClassVar[dict[str, str]] = {}  # a field that makes sense only beside a member → that member

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        present = [name for name in self.one_of if getattr(self, name) is not None]
        if not present and not self.none_allowed:
            for name in self.one_of:
                if name in self.model_fields_set:
                    raise fault(*left_empty(type(self), name))
            members = ", ".join(self._spelled(self.one_of))
            raise fault(f"found none of {members}, expected exactly one of them", "Add one.")
        if len(present) > 1:
            found, members = " and ".join(self._spelled(present)), ", ".join(self._spelled(self.one_of))
            number = "at most one" if self.none_allowed else "exactly one"
            raise fault(f"found {found}, expected {number} of {members}", "Keep one of them.")
        for name, member in self.companions.items():
            if getattr(self, name) is not None and getattr(self, member) is None:
                field, beside = spelled(type(self), name), spelled(type(self), member)
                raise fault(f"found {field} without {beside}, expected it only beside {beside}", "Remove it.")
        return self

    def _spelled(self, names: Iterable[str]) -> list[str]:
        return [spelled(type(self), name) for name in names]

    @property
    def chosen(self) -> str:
        """The member that is set, as spelled in YAML."""
        return spelled(type(self), self._set)

    @property
    def body(self) -> Any:
        """What the member that is set holds."""
        return getattr(self, self._set)

    @cached_property
    def _set(self) -> str:
        return next(name for name in self.one_of if getattr(self, name) is not None)


def spelled(model: type[SpecModel], attribute: str) -> str:
    """Return a field's name as in YAML."""
    return model.model_fields[attribute].alias or attribute


def fault(found: str, do: str) -> PydanticCustomError:
    """Make what a validator raises: what was found against what was expected, and what to do."""
    return PydanticCustomError("fault", "{found}. {do}", {"found": found, "do": do})


def left_empty(model: type[SpecModel], attribute: str) -> tuple[str, str]:
    """Say that a member has nothing behind its colon, as in `- alternation:`: what was found, and what to do."""
    name, holds = spelled(model, attribute), get_args(model.model_fields[attribute].annotation)
    has_fields = any(isinstance(kind, type) and issubclass(kind, SpecModel) for kind in holds)
    return (
        f"found nothing behind `{name}:`, expected {'its fields' if has_fields else 'its value'}",
        f"Write `{name}: {{}}`, or some fields in it." if has_fields else "Write it.",
    )


def refuse_unpinned(uri: str | None, revision: str | None, info: ValidationInfo) -> None:
    """Raise a fault for a place on a hub that may change, or for a revision of something else, as an author wrote it."""
    if info.context == RESOLVED:  # an identity stands for the URI
        return
    is_hub = uri is not None and uri.startswith("hf://")
    if is_hub and revision is None:
        raise fault(
            "found an hf:// uri without revision, expected a pinned commit", "Add `revision: <commit>`."
        )
    if revision is not None and not is_hub:
        raise fault("found revision without an hf:// uri, expected it only beside one", "Remove revision.")


PINNED = (
    Rule(
        "!(has(self.uri) && self.uri.startsWith('hf://')) || has(self.revision)",
        "an hf:// uri needs a revision, a pinned commit",
    ),
    Rule(
        "!has(self.revision) || (has(self.uri) && self.uri.startsWith('hf://'))",
        "revision goes only beside an hf:// uri",
    ),
)


@dataclass(frozen=True)
class Refers:
    """Marks a field that names a stage: `stage`, or `arm/stage` for another arm's at the same coordinates."""

    kinds: tuple[Kind, ...]
    output: str | None = None  # what a program stage must write to be named here; None: whatever it does


@dataclass(frozen=True)
class Outside:
    """Marks a URI whose content is identity: `file`, `s3`, `hf`, or a path relative to the spec's file."""


@dataclass(frozen=True)
class Neutral:
    """Marks the value at which a field, added after a release, is left out of fingerprints."""

    value: Any


NAME_PATTERN = r"^[a-z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$"
REFERENCE_PATTERN = r"^[a-z0-9][a-zA-Z0-9_-]{0,62}(/[a-z0-9][a-zA-Z0-9_-]{0,62})?$"

REVISION_PATTERN = r"^[0-9a-f]{40}$"
IDENTIFIER_PATTERN = r"^[a-z][a-zA-Z0-9_]*$"
STORE_PATTERN = r"^(s3://|file:///)"
DATA_PATTERN = r"^s3://"
IMAGE_PATTERN = r"@sha256:[0-9a-f]{64}$"
DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"
NO_STARS_PATTERN = r"^[^*]+$"
FIELD_PATH_PATTERN = r"^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)+$"
LANGUAGE_PATTERN = (  # the two-letter codes among fastText's languages
    r"^(a[fmnrsvz]|b[aegnors]|c[aeosvy]|d[aev]|e[lnostu]|f[airy]|g[adlnuv]|h[eirtuy]|i[adeost]|j[av]|k[akmnouvwy]|l[abiotv]|"
    r"m[gklnrsty]|n[elo]|o[crs]|p[alst]|qu|r[mou]|s[acdikloqruvw]|t[aeghklrt]|u[gkrz]|v[io]|wa|y[io]|zh)$"
)

IN_WORDS = {  # what a pattern demands
    NAME_PATTERN: "a name: a small letter or a digit, then letters, digits, - or _, ending in a letter or a digit",
    REFERENCE_PATTERN: "a stage, or arm/stage",
    REVISION_PATTERN: "a full commit: 40 hexadecimal digits",
    IDENTIFIER_PATTERN: "a name for an expression: a small letter, then letters, digits or _",
    STORE_PATTERN: "s3://bucket/prefix or file:///folder",
    DATA_PATTERN: "s3://bucket/prefix",
    DIGEST_PATTERN: "sha256: and 64 hexadecimal digits",
    IMAGE_PATTERN: "an image with its digest, ending in @sha256: and 64 hexadecimal digits",
    LANGUAGE_PATTERN: "the ISO 639-1 code of one of 120 languages, such as en",
    NO_STARS_PATTERN: "a file or a folder, without *",
    FIELD_PATH_PATTERN: "names with dots between them, such as sft.train.seed",
}

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=63)]
Uri = Annotated[str, Field(min_length=1, max_length=2048), Outside()]
Revision = Annotated[str, Field(pattern=REVISION_PATTERN, max_length=40)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]

RESOLVED = {"resolved": True}
"""The validation context of a stage's spec as it is in `stage.json`: there a reference is an artifact."""


def _artifact_or_name(value: Any, named: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    return value if info.context == RESOLVED and is_artifact(value) else named(value)


StageName = Annotated[str, Field(pattern=REFERENCE_PATTERN, max_length=127), WrapValidator(_artifact_or_name)]
Dataset = Annotated[StageName, Refers((Kind.CLEAN, Kind.GENERATE, Kind.PROGRAM), "dataset")]
CleanStage = Annotated[StageName, Refers((Kind.CLEAN,))]
TrainStage = Annotated[StageName, Refers((Kind.TRAIN,))]
ModelStage = Annotated[StageName, Refers((Kind.TRAIN, Kind.PROGRAM), "model")]
GenerateStage = Annotated[StageName, Refers((Kind.GENERATE,))]
AnyStage = Annotated[StageName, Refers((Kind.CLEAN, Kind.TRAIN, Kind.GENERATE, Kind.EVALUATE, Kind.PROGRAM))]


class DataRef(SpecModel):
    """Chats or texts that another stage wrote."""

    from_: Dataset = Field(alias="from", description="The clean, generate or program stage that wrote them.")
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

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("self.hiddenSize % self.heads == 0", "heads must divide hiddenSize"),
    )

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

    @property
    def wide(self) -> int:
        """Width of the MLP, as it holds."""
        return self.intermediate_size or -(-self.hidden_size * 8 // 3 // 16) * 16

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.hidden_size % self.heads:
            raise fault(
                f"found hiddenSize {self.hidden_size} with {self.heads} heads, expected a multiple of heads",
                "Change one of them.",
            )
        return self


class ModelRef(OneOf):
    """Where a model's weights come from."""

    rules: ClassVar[tuple[Rule, ...]] = PINNED
    one_of: ClassVar[tuple[str, ...]] = ("uri", "from_", "llama")
    companions: ClassVar[dict[str, str]] = {"revision": "uri", "checkpoint": "from_"}

    uri: Uri | None = Field(
        None,
        description="A Hugging Face model folder: a path, `s3://…`, or `hf://owner/name` with a revision.",
    )
    revision: Revision | None = Field(None, description="Pinned commit of an `hf://` model.")
    from_: ModelStage | None = Field(None, alias="from", description="A train or program stage.")
    checkpoint: Checkpoint | None = Field(None, description="Which of that stage's models; absent: the last.")
    llama: Llama | None = Field(None, description="A new model of this shape, from random weights.")

    @model_validator(mode="after")
    def _pinned(self, info: ValidationInfo) -> Self:
        refuse_unpinned(self.uri, self.revision, info)
        return self
