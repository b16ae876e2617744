"""What a plan is to expect of outside inputs that are not there to be looked at: told, never read, and no part of any stage."""

from pydantic import Field, ValidationError

from assay.api.faults import faults_of, shown
from assay.api.model import Revision, SpecModel
from assay.api.written import read
from assay.errors import SpecError, SpecErrors


class ExpectedInput(SpecModel):
    """One outside input."""

    uri: str = Field(min_length=1, max_length=2048, description="As the spec names it.")
    revision: Revision | None = Field(None, description="As the spec names it.")
    bytes: int = Field(ge=1, description="Size of its files, in bytes; of a model those of its weights.")
    configuration: str | None = Field(
        None,
        min_length=1,
        max_length=2048,
        description="A model's config.json, relative to the file that says this.",
    )


class ExpectedInputs(SpecModel):
    """A file of them."""

    inputs: tuple[ExpectedInput, ...] = Field(min_length=1, max_length=1024, description="Each input once.")


def parse_expected(text: str | bytes, source: str) -> tuple[ExpectedInput, ...]:
    """Parse the YAML of expected inputs; `source` is the file's name, for messages.

    Raises:
        SpecErrors: all that is wrong with it.

    """
    written = read(text, source)
    if not isinstance(written.value, dict):
        found = f"found {shown(written.value)}, expected the field inputs"
        raise SpecErrors([SpecError(written.where(()), found, "Write `inputs: [{uri: …, bytes: …}]`.")])
    try:
        return ExpectedInputs.model_validate(written.value).inputs
    except ValidationError as error:
        raise SpecErrors(faults_of(ExpectedInputs, error.errors(include_url=False), written)) from error
