"""Where the rows of a clean stage come from: files outside the store, or another stage's chats."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import Field, ValidationInfo, model_validator

from assay.api.model import (
    PINNED,
    Dataset,
    Name,
    Neutral,
    OneOf,
    Revision,
    Rule,
    Uri,
    fault,
    refuse_unpinned,
)


class Format(StrEnum):
    """How chats are written in an outside file."""

    SHAREGPT = "sharegpt"
    ALPACA = "alpaca"
    OPENAI = "openai"
    OASST = "oasst"
    OASST_ALL = "oasst-all"
    GUANACO = "guanaco"
    PROMPT_COMPLETION = "prompt-completion"
    TEXT = "text"
    HH_RLHF = "hh-rlhf"


class Source(OneOf):
    """A named origin of rows; the name is kept in every row and ledger line."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.uri) || has(self.format)", "uri needs format"),
        *PINNED,
    )
    one_of: ClassVar[tuple[str, ...]] = ("uri", "from_")
    companions: ClassVar[dict[str, str]] = {"format": "uri", "revision": "uri", "split": "from_"}

    name: Name = Field(description="Kept with every row as its source.")
    uri: Uri | None = Field(
        None,
        description="A file, or several by `*`: a path relative to the spec, `file://…`, `s3://…`, or `hf://datasets/owner/name/path` with a revision.",
    )
    revision: Revision | None = Field(None, description="Pinned commit of an `hf://` dataset.")
    format: Format | None = Field(None, description="How the files are written; required with uri.")
    from_: Dataset | None = Field(None, alias="from", description="Another stage's chats.")
    split: Name | None = Field(None, description="With from: a part set aside by its `split` step.")
    unsafe: Annotated[bool, Neutral(False)] = Field(  # noqa: FBT003 -- the value at which nothing changes
        False,  # noqa: FBT003 -- pydantic's default
        description="Whether its chats are harmful: then records, plans and reports label it, and all models and answers that stem from it.",
    )

    @model_validator(mode="after")
    def _format_known(self, info: ValidationInfo) -> Self:
        refuse_unpinned(self.uri, self.revision, info)
        if self.uri is not None and self.format is None:
            raise fault(
                "found uri without format, expected the format of its files",
                f"Add `format`, one of {', '.join(Format)}.",
            )
        return self
